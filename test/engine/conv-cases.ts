import type { Attrs } from '../../src/graph/graph.js';
import { resolveWindow } from '../../src/graph/ops/window.js';
import { type CaseTable, floats, weight } from './case-parts.js';
import type { Random } from './random.js';

interface ConvCase {
  readonly channels: number;
  readonly outputs: number;
  readonly group: number;
  readonly spatial: number[];
  readonly kernel: number[];
  readonly attrs: Attrs;
  readonly out: readonly number[];
}

/** A convolution's geometry, with all of its attributes, in 1 to 3 spatial axes. */
function convCase(r: Random): ConvCase {
  const rank = r.pick([1, 2, 2, 2, 3]);
  const group = r.pick([1, 1, 2, 3]);
  const perGroup = r.pick([1, 1, 2, 3]);
  const outputs = group * r.int(1, 3);
  const kernel = r.pick([new Array<number>(rank).fill(1), r.ints(rank, 1, 4), r.ints(rank, 2, 3)]);
  const dilations = r.pick([new Array<number>(rank).fill(1), r.ints(rank, 1, 2)]);
  const spatial = kernel.map((k, i) => (k - 1) * dilations[i] + 1 + r.int(0, 4));
  const strides = r.pick([new Array<number>(rank).fill(1), r.ints(rank, 1, 3)]);
  const auto_pad = r.pick(['NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  const attrs: Attrs = {
    strides,
    dilations,
    group,
    auto_pad,
    ...(auto_pad === 'NOTSET' ? { pads: r.ints(2 * rank, 0, 3) } : {}),
  };
  const node = { name: 'n', op: 'Conv', attrs, inputs: [], outputs: [] };
  return {
    channels: group * perGroup,
    outputs,
    group,
    spatial,
    kernel,
    attrs,
    out: resolveWindow(node, spatial, kernel).output,
  };
}

/** Convolutions, their transposes and their gradients. */
export const CONV_CASES: CaseTable = {
  Conv: floats((b, r, dtype) => {
    const c = convCase(r);
    const x = b.input('x', { dtype, shape: ['N', c.channels, ...c.spatial] });
    const w = weight(b, r, 'W', { dtype, shape: [c.outputs, c.channels / c.group, ...c.kernel] });
    return b.op('Conv', r.int(0, 1) === 0 ? [x, w] : [x, w, weight(b, r, 'b', { dtype, shape: [c.outputs] })], c.attrs);
  }),
  ConvTranspose: floats((b, r, dtype) => {
    const c = convCase(r);
    const x = b.input('x', { dtype, shape: ['N', c.channels, ...c.spatial] });
    const w = weight(b, r, 'W', { dtype, shape: [c.channels, c.outputs / c.group, ...c.kernel] });
    const attrs: Attrs = {
      ...c.attrs,
      // Enough is left of the smallest output to cut the pads off.
      ...(c.attrs.pads ? { pads: c.kernel.flatMap((k) => [r.int(0, Math.floor(k / 2)), 0]) } : {}),
      output_padding: (c.attrs.strides as number[]).map((stride) => r.int(0, stride - 1)),
    };
    return b.op(
      'ConvTranspose',
      r.int(0, 1) === 0 ? [x, w] : [x, w, weight(b, r, 'b', { dtype, shape: [c.outputs] })],
      attrs,
    );
  }),
  ConvInputGrad: floats((b, r, dtype) => {
    const c = convCase(r);
    const dy = b.input('dy', { dtype, shape: ['N', c.outputs, ...c.out] });
    const w = weight(b, r, 'W', { dtype, shape: [c.outputs, c.channels / c.group, ...c.kernel] });
    return b.op('ConvInputGrad', [dy, w], { ...c.attrs, spatial: c.spatial });
  }),
  ConvFilterGrad: floats((b, r, dtype) => {
    const c = convCase(r);
    const x = b.input('x', { dtype, shape: ['N', c.channels, ...c.spatial] });
    const dy = b.input('dy', { dtype, shape: ['N', c.outputs, ...c.out] });
    return b.op('ConvFilterGrad', [x, dy], { ...c.attrs, kernel_shape: c.kernel });
  }),
};
