import type { Attrs, Shape } from '../../src/graph/graph.js';
import { resizedShape } from '../../src/graph/ops/resampling.js';
import { resolveWindow } from '../../src/graph/ops/window.js';
import { type AttrsOf, type CaseTable, type Draw, FLOATS, floats, moving, numbers } from './case-parts.js';
import type { Random } from './random.js';
import { anyShape } from './shapes.js';

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

function pooledShape(shape: Shape, { spatial, kernel, attrs }: ReturnType<typeof poolCase>): Shape {
  const node = { name: 'n', op: 'MaxPool', attrs, inputs: [], outputs: [] };
  return [...shape.slice(0, 2), ...resolveWindow(node, spatial, kernel).output];
}

const pool =
  (op: string, attrs: AttrsOf = () => ({})): Draw =>
  (b, r, dtype) => {
    const c = poolCase(r);
    return b.op(op, [b.input('x', { dtype, shape: ['N', r.int(1, 3), ...c.spatial] })], { ...c.attrs, ...attrs(r) });
  };

const globalPool =
  (op: string): Draw =>
  (b, r, dtype) =>
    b.op(op, [b.input('x', { dtype, shape: ['N', ...r.ints(r.int(2, 4), 1, 5)] })]);

const includePad = (r: Random): Attrs => ({ count_include_pad: r.int(0, 1) });

/** Pools, pads, resizes and their gradients. */
export const POOL_CASES: CaseTable = {
  MaxPool: numbers(pool('MaxPool')),
  AveragePool: floats(pool('AveragePool', includePad)),
  GlobalAveragePool: floats(globalPool('GlobalAveragePool')),
  GlobalMaxPool: floats(globalPool('GlobalMaxPool')),
  MaxPoolGrad: floats((b, r, dtype) => {
    const c = poolCase(r);
    const raw = b.input('x', { dtype, shape: ['N', r.int(1, 3), ...c.spatial] });
    // A rectified input has windows of equal maxima, where only the first may receive.
    const x = r.int(0, 1) === 0 || dtype === 'bool' ? raw : b.op('Relu', [raw]);
    // Of other dtypes it is the gradient that is asked.
    const isFloat = FLOATS.includes(dtype);
    const y = isFloat ? b.op('MaxPool', [x], c.attrs) : b.input('y', { dtype, shape: pooledShape(b.spec(x).shape, c) });
    return b.op('MaxPoolGrad', [x, y, b.input('dy', b.spec(y))], c.attrs);
  }),
  AveragePoolGrad: floats((b, r, dtype) => {
    const c = poolCase(r);
    const attrs = { ...c.attrs, ...includePad(r) };
    const node = { name: 'n', op: 'AveragePool', attrs, inputs: [], outputs: [] };
    const dy = b.input('dy', { dtype, shape: ['N', r.int(1, 3), ...resolveWindow(node, c.spatial, c.kernel).output] });
    return b.op('AveragePoolGrad', [dy], { ...attrs, spatial: c.spatial });
  }),
  Pad: moving((b, r, dtype) => {
    const shape = anyShape(r, 0);
    const mode = r.pick(['constant', 'reflect', 'edge']);
    const sides = shape.map((extent, axis): [number, number] => {
      if (axis === 0 || r.int(0, shape.length > 4 ? 2 : 0) > 0) return [0, 0];
      const most = mode === 'reflect' ? Math.min(Number(extent) - 1, 2) : 2;
      const [begin, end] = r.ints(2, -1, most);
      return Number(extent) + begin + end > 0 ? [begin, end] : [0, 0];
    });
    const value = FLOATS.includes(dtype) ? r.unit() : dtype === 'bool' ? r.int(0, 1) : r.int(0, 9);
    const attrs: Attrs = mode === 'constant' && r.int(0, 3) === 0 ? {} : { mode, value };
    return b.op('Pad', [b.input('x', { dtype, shape })], {
      pads: [...sides.map(([p]) => p), ...sides.map(([, p]) => p)],
      ...attrs,
    });
  }),
  Resize: moving((b, r, dtype) => {
    const { shape, attrs } = resizeCase(r);
    const mode = FLOATS.includes(dtype) ? attrs.mode : 'nearest';
    return b.op('Resize', [b.input('x', { dtype, shape: ['N', ...shape] })], { ...attrs, mode });
  }),
  ResizeGrad: floats((b, r, dtype) => {
    const { shape, attrs } = resizeCase(r);
    const node = { name: 'n', op: 'Resize', attrs, inputs: [], outputs: [] };
    const dy = b.input('dy', { dtype, shape: resizedShape(node, ['N', ...shape]) });
    return b.op('ResizeGrad', [dy], { ...attrs, shape: [0, ...shape] });
  }),
};
