/** The ONNX backend tests, through the reader: on the float64 reference and on onnxruntime. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, describe, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.js';
import { EspalierError } from '../../src/errors.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import { type Tensor, tensor, toRef } from '../../src/graph/tensor.js';
import { decodeModel, decodeTensor, encodeModel, encodeTensor, TensorProtoSchema } from '../../src/onnx-proto/index.js';
import { relativeError } from '../engine/agreement.js';
import { describeShared } from '../shared.js';
import { readOnnxBytes } from '../support/onnx-files.js';

/** Cases that a clear error refuses. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  test_identity_opt: /input opt_in is no tensor/,
  test_reshape_allowzero_reordered: /can not take shape/,
  test_slice_start_out_of_bounds: /output would have shape/,
  test_split_zero_size_splits_opset13: /extent of axis 0 is not known/,
  test_split_zero_size_splits_opset18: /extent of axis 0 is not known/,
};

/** Cases of which a part is none of the IR's, so that onnxruntime alone runs them, as they stand. */
const OPAQUE = ['test_maxpool_with_argmax_2d_precomputed_pads', 'test_maxpool_with_argmax_2d_precomputed_strides'];

/** Corners of fractional extents: ours, as onnxruntime's, are those of the output. */
const OTHERWISE = [
  'test_resize_downsample_scales_cubic_align_corners',
  'test_resize_downsample_scales_linear_align_corners',
];

/** Ops of which all inputs but the first are settings, which models hold as constants; in these cases they are inputs. */
const WITH_SETTINGS = new Set(
  `ConstantOfShape Expand Pad ReduceMax ReduceMean ReduceSum Reshape Resize Slice Split Squeeze Unsqueeze
  Upsample`.split(/\s+/),
);

/** The ONNX suite itself allows 1e-3, which we need only where its outputs were written with four digits. */
const tolerance = (name: string) => (name === 'test_averagepool_2d_ceil_last_window_starts_on_pad' ? 1e-3 : 1e-5);

function readTensors(folder: string, kind: 'input' | 'output'): Tensor[] {
  const data = join(folder, 'test_data_set_0');
  const count = readdirSync(data).filter((file) => file.startsWith(`${kind}_`)).length;
  return Array.from({ length: count }, (_, i) => {
    const t = decodeTensor(fromBinary(TensorProtoSchema, readFileSync(join(data, `${kind}_${i}.pb`))));
    // Floats of every width are computed in float32.
    return t.dtype === 'float64' ? tensor('float32', t.shape, Float32Array.from(t.data as Float64Array)) : t;
  });
}

/** The case's model, its settings made initializers. */
function modelOf(folder: string): { op: string; bytes: Uint8Array } {
  const model = decodeModel(readFileSync(join(folder, 'model.onnx')));
  const graph = model.graph!;
  const [{ opType, input }] = graph.node;
  if (WITH_SETTINGS.has(opType)) {
    const inputs = readTensors(folder, 'input');
    const first = opType === 'ConstantOfShape' ? '' : input[0];
    graph.input.forEach(({ name }, i) => {
      if (name !== first) graph.initializer.push(encodeTensor(name, inputs[i]));
    });
  }
  return { op: opType, bytes: encodeModel(model) };
}

type Found = { dtype: string; shape: readonly number[]; data: ArrayLike<number> };

function expectOutputs(graph: Graph, found: (name: string) => Found, expected: readonly Tensor[], most: number): void {
  graph.outputs.forEach(({ name }, i) => {
    const { dtype, shape, data } = found(name);
    expect({ dtype, shape: [...shape] }).toEqual({ dtype: expected[i].dtype, shape: [...expected[i].shape] });
    expect(relativeError(data, toRef(expected[i]).data)).toBeLessThanOrEqual(most);
  });
}

async function expectRuns(graph: Graph, folder: string, name: string): Promise<void> {
  const [inputs, outputs] = [readTensors(folder, 'input'), readTensors(folder, 'output')];
  const feeds = new Map(graph.inputs.map((id, i) => [id, inputs[i]]));
  const opaque = graph.nodes.some((node) => node.op === 'Opaque');
  expect(opaque).toBe(OPAQUE.includes(name));
  if (!opaque) {
    const reference = evaluateGraph(graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
    expectOutputs(graph, (id) => reference.get(id)!, outputs, tolerance(name));
  }
  const compiled = await (await openEngine({ engine: 'onnxruntime', threads: 1 })).compile(graph);
  const found = await compiled.run(feeds);
  expectOutputs(graph, (id) => toRef(found.get(id)!), outputs, tolerance(name));
  await compiled.release();
}

describeShared('ONNX node tests', 'conformance/onnx', (root) => {
  const cases = ['node', 'pytorch-converted'].flatMap((suite) =>
    readdirSync(join(root, suite)).map((name) => {
      const folder = join(root, suite, name);
      return { name, folder, ...modelOf(folder) };
    }),
  );
  const passed = new Map<string, number>();

  test('every case is run, or listed', () => {
    const names = new Set(cases.map(({ name }) => name));
    const listed = [...Object.keys(REFUSED), ...OPAQUE, ...OTHERWISE];
    expect(listed.filter((name) => !names.has(name))).toEqual([]);
    expect(listed.length).toBeLessThanOrEqual(0.05 * cases.length);
  });

  const ops = [...new Set(cases.map(({ op }) => op))].sort();
  describe.each(ops)('%s', (op) => {
    const own = cases.filter((c) => c.op === op);
    test.each(own.map((c) => [c.name, c] as const))('%s', async (name, { folder, bytes }) => {
      if (name in REFUSED) {
        const fault = await readOnnxBytes(bytes).catch((error: unknown) => error);
        expect(fault).toBeInstanceOf(EspalierError);
        expect((fault as Error).message).toMatch(REFUSED[name]);
        return;
      }
      const { graph } = await readOnnxBytes(bytes);
      if (OTHERWISE.includes(name)) return;
      await expectRuns(graph, folder, name);
      passed.set(op, (passed.get(op) ?? 0) + 1);
    });
  });

  afterAll(() => {
    const total = [...passed.values()].reduce((sum, n) => sum + n, 0);
    const rows = ops.map((op) => `${op} ${passed.get(op) ?? 0}/${cases.filter((c) => c.op === op).length}`);
    console.log(`ONNX node tests passed: ${total} of ${cases.length}\n${rows.join(', ')}`);
  });
});
