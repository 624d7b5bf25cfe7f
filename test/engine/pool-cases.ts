import type { Attrs } from '../../src/graph/graph.js';
import { resizedShape } from '../../src/graph/ops/resampling.js';
import { resolveWindow } from '../../src/graph/ops/window.js';
import { type Case, float } from './case-parts.js';
import type { Random } from './random.js';

function poolCase(r: Random): { spatial: number[]; kernel: number[]; attrs: Attrs } {
  const rank = r.pick([1, 2, 2, 3]);
  const kernel = r.ints(rank, 1, 3);
  const auto_pad = r.pick(['NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  const dilations = r.pick([kernel.map(() => 1), r.ints(rank, 1, 2)]);
  const spatial = kernel.map((k, i) => (k - 1) * dilations[i] + 1 + r.int(0, 5));
  const attrs: Attrs = {
    kernel_shape: kernel,
    dilations,
    strides: r.pick([kernel, r.ints(rank, 1, 3)]),
    auto_pad,
    ceil_mode: r.int(0, 1),
    ...(auto_pad === 'NOTSET' ? { pads: [...kernel, ...kernel].map((k) => r.int(0, k - 1)) } : {}),
  };
  return { spatial, kernel, attrs };
}

/** Up, down, by whole numbers and not; mostly planes, sometimes channels too. */
function resizeCase(r: Random): { shape: number[]; attrs: Attrs } {
  const shape = r.ints(r.int(2, 4), 1, 6);
  const whole = r.int(0, 2) === 0;
  const scales = shape.map((extent, i) => {
    if (i === 0 && r.int(0, 4) > 0) return 1;
    if (whole) return r.int(1, 3);
    return r.int(0, 1) === 0 ? r.int(1, 9) / extent : Math.max(1 / extent, r.pick([0.6, 0.8, 1.3, 2.4]));
  });
  const coordinates = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'];
  return {
    shape,
    attrs: {
      scales: [1, ...scales],
      mode: r.pick(['nearest', 'linear']),
      coordinate_transformation_mode: r.pick(coordinates),
      nearest_mode: r.pick(['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']),
    },
  };
}

const pool =
  (op: string, attrs: (r: Random) => Attrs = () => ({})): Case =>
  (b, r) => {
    const c = poolCase(r);
    return b.op(op, [b.input('x', float(['N', r.int(1, 3), ...c.spatial]))], { ...c.attrs, ...attrs(r) });
  };

const includePad = (r: Random): Attrs => ({ count_include_pad: r.int(0, 1) });

/** Pools, pads, resizes and their gradients. */
export const POOL_CASES: Readonly<Record<string, Case>> = {
  MaxPool: pool('MaxPool'),
  AveragePool: pool('AveragePool', includePad),
  GlobalAveragePool: (b, r) => b.op('GlobalAveragePool', [b.input('x', float(['N', ...r.ints(r.int(2, 4), 1, 5)]))]),
  GlobalMaxPool: (b, r) => b.op('GlobalMaxPool', [b.input('x', float(['N', ...r.ints(r.int(2, 4), 1, 5)]))]),
  MaxPoolGrad: (b, r) => {
    const c = poolCase(r);
    const raw = b.input('x', float(['N', r.int(1, 3), ...c.spatial]));
    // A rectified input has windows of equal maxima, where only the first may receive.
    const x = r.int(0, 1) === 0 ? raw : b.op('Relu', [raw]);
    const y = b.op('MaxPool', [x], c.attrs);
    return b.op('MaxPoolGrad', [x, y, b.input('dy', b.spec(y))], c.attrs);
  },
  AveragePoolGrad: (b, r) => {
    const c = poolCase(r);
    const attrs = { ...c.attrs, ...includePad(r) };
    const node = { name: 'n', op: 'AveragePool', attrs, inputs: [], outputs: [] };
    const dy = b.input('dy', float(['N', r.int(1, 3), ...resolveWindow(node, c.spatial, c.kernel).output]));
    return b.op('AveragePoolGrad', [dy], { ...attrs, spatial: c.spatial });
  },
  Pad: (b, r) => {
    const rank = r.int(1, 3);
    const mode = r.pick(['constant', 'reflect', 'edge']);
    const x = b.input('x', float(['N', ...r.ints(rank, 3, 4)]));
    const side = () => [0, ...r.ints(rank, 0, 2)];
    return b.op('Pad', [x], { pads: [...side(), ...side()], mode, value: r.unit() });
  },
  Resize: (b, r) => {
    const { shape, attrs } = resizeCase(r);
    return b.op('Resize', [b.input('x', float(['N', ...shape]))], attrs);
  },
  ResizeGrad: (b, r) => {
    const { shape, attrs } = resizeCase(r);
    const node = { name: 'n', op: 'Resize', attrs, inputs: [], outputs: [] };
    const dy = b.input('dy', float(resizedShape(node, ['N', ...shape])));
    return b.op('ResizeGrad', [dy], { ...attrs, shape: [0, ...shape] });
  },
};
