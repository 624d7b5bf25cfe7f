import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { type Tensor, toRef } from '../../src/graph/tensor.js';
import { relativeError } from '../engine/agreement.js';
import { describeShared } from '../shared.js';
import { ADAPTERS, adaptCase } from './onnx-adapter.js';
import { caseOps, readCase } from './onnx-case.js';

/** Op types of the suite that the IR doesn't have (yet). */
const OTHER_OPS = new Set(
  `Celu Constant ConstantOfShape DepthToSpace LpPool LRN Mean Shape SpaceToDepth Split Squeeze
  Sum ThresholdedRelu Unsqueeze Upsample`.split(/\s+/),
);

/** Cases of ops that the IR has which are outside of it, and why. */
const OUTSIDE: Readonly<Record<string, string>> = {
  test_dropout_default_mask: 'the mask is an output; in the IR it is an input of training steps',
  test_dropout_default_mask_ratio: 'the mask is an output; in the IR it is an input of training steps',
  test_identity_opt: 'the input is an optional sequence',
  test_reduce_max_bool_inputs: 'maximum of bools',
  test_reduce_max_empty_set: 'an empty tensor',
  test_reduce_sum_empty_set: 'an empty tensor',
  test_reduce_sum_empty_set_non_reduced_axis_zero: 'an empty tensor',
  test_reshape_allowzero_reordered: 'an empty tensor',
  test_slice_start_out_of_bounds: 'an empty tensor',
  test_wrap_pad: 'padding that wraps around',
};

/** The same for families of cases, by their names. */
const OUTSIDE_FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^test_resize_.*_cubic/, 'cubic interpolation'],
  [/^test_resize_.*_antialias$/, 'filters that widen as planes shrink'],
  [/^test_resize_tf_crop_and_resize/, 'a part of the planes is resized'],
  [/^test_resize_.*_half_pixel_symmetric$/, 'coordinates that other frameworks lack'],
  [/^test_resize_.*_not_(larger|smaller)$/, 'sizes that are a bound'],
  [
    /^test_resize_downsample_scales_linear_align_corners$/,
    'corners of fractional extents: ours, as onnxruntime and PyTorch, are those of the output',
  ],
];

const isOutside = (name: string) => name in OUTSIDE || OUTSIDE_FAMILIES.some(([pattern]) => pattern.test(name));

/** The ONNX suite itself allows 1e-3, which we need only where its outputs were written with four digits. */
const tolerance = (name: string) => (name === 'test_averagepool_2d_ceil_last_window_starts_on_pad' ? 1e-3 : 1e-5);

function expectOutput(found: Tensor, expected: Tensor, name: string): void {
  expect(found.dtype).toBe(expected.dtype);
  expect(found.shape).toEqual(expected.shape);
  expect(relativeError(toRef(found).data, toRef(expected).data)).toBeLessThanOrEqual(tolerance(name));
}

describeShared('ONNX node tests', 'conformance/onnx/node', (folder) => {
  const cases = readdirSync(folder).map((name) => ({ name, ops: caseOps(join(folder, name)) }));
  const covered = cases.filter(({ name, ops }) => ops[0] in ADAPTERS && !isOutside(name));

  test('every case is run, or listed as outside of the IR', () => {
    const names = new Set(cases.map(({ name }) => name));
    expect(cases.filter(({ ops }) => ops.length !== 1)).toEqual([]);
    expect(cases.filter(({ ops }) => !(ops[0] in ADAPTERS) && !OTHER_OPS.has(ops[0]))).toEqual([]);
    expect(Object.keys(OUTSIDE).filter((name) => !names.has(name))).toEqual([]);
    expect(OUTSIDE_FAMILIES.filter(([pattern]) => ![...names].some((name) => pattern.test(name)))).toEqual([]);
    expect(covered.length).toBeGreaterThan(160);
  });

  const byOp = (op: string) => covered.filter(({ ops }) => ops[0] === op);
  describe.each([...new Set(covered.map(({ ops }) => ops[0]))].sort())('%s', (op) => {
    test.each(byOp(op).map(({ name }) => name))('%s', async (name) => {
      const onnxCase = readCase(join(folder, name));
      const { graph, feeds } = adaptCase(name, onnxCase);
      const reference = evaluateGraph(graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
      const [expected] = onnxCase.outputs;
      const { dtype, shape, data } = reference.get('result')!;
      expect({ dtype, shape }).toEqual({ dtype: expected.dtype, shape: expected.shape });
      expect(relativeError(data, toRef(expected).data), 'reference').toBeLessThanOrEqual(tolerance(name));

      const engine = await openEngine({ engine: 'onnxruntime', threads: 1 });
      const compiled = await engine.compile(graph);
      expectOutput((await compiled.run(feeds)).get('result')!, expected, name);
      await compiled.release();
    });
  });
});
