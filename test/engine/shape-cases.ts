import type { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs, Shape } from '../../src/graph/graph.js';
import { tensor } from '../../src/graph/tensor.js';
import { type CaseTable, DTYPES, floats, moving, weight } from './case-parts.js';
import type { Random } from './random.js';
import { anyAxis, anyShape, knownShape } from './shapes.js';

/** Indices from `-extent` to `extent - 1`, made of floats from -1 to 1. */
function smallIndices(b: GraphBuilder, r: Random, extent: number, most: number): string {
  const raw = b.input('raw', { dtype: 'float32', shape: anyShape(r, 1, most) });
  const scaled = b.op('Mul', [raw, b.constant('extent', tensor('float32', [], [extent - 0.01]), 'literal')]);
  return b.op('Cast', [scaled], { to: r.pick(['int32', 'int64']) });
}

/** Start, end and step of what is left of an axis: one element or more, forwards or backwards. */
function bounds(r: Random, extent: number): [start: number, end: number, step: number] {
  const first = r.int(0, extent - 1);
  const step = r.int(1, 3);
  const fromBack = r.int(0, 1) === 0;
  const at = (i: number) => (fromBack ? i - extent : i);
  if (r.int(0, 2) > 0) return [at(first), r.pick([100_000, r.int(first + 1, extent)]), step];
  const last = r.int(0, first);
  return [at(first), last === 0 ? -100_000 : last - 1, -step];
}

/** The extents of a shape factored anew. */
function refactored(r: Random, shape: readonly number[], most: number): number[] {
  const factors = shape.flatMap((extent) => (extent % 2 === 0 && extent > 2 ? [2, extent / 2] : [extent]));
  const out = factors.slice(0, 1);
  for (const factor of factors.slice(1)) {
    if (out.length < most && r.int(0, 1) === 0) out.push(factor);
    else out.push(out.pop()! * factor);
  }
  return out;
}

/** Ops that put elements elsewhere, and the gradient of one. */
export const SHAPE_CASES: CaseTable = {
  Concat: moving((b, r, dtype) => {
    const shape = anyShape(r, 2);
    const at = r.int(1, shape.length - 1);
    const parts = r.ints(r.int(1, 4), 1, 4).map((d, i) => b.input(`x${i}`, { dtype, shape: shape.with(at, d) }));
    return b.op('Concat', parts, { axis: r.pick([at, at - shape.length]) });
  }),
  Flatten: moving((b, r, dtype) => {
    const shape = anyShape(r, 0);
    const attrs: Attrs = shape.length > 0 && r.int(0, 3) === 0 ? {} : { axis: r.int(-shape.length, shape.length) };
    return b.op('Flatten', [b.input('x', { dtype, shape })], attrs);
  }),
  Reshape: moving((b, r, dtype) => {
    const known = knownShape(r, 1, 9);
    const x = b.input('x', { dtype, shape: ['N', ...known] });
    const to = refactored(r, known, 9);
    const open = r.int(0, to.length - 1);
    return b.op('Reshape', [x], { shape: r.pick([[0, ...to], [-1, ...to], [0, ...to.with(open, -1)], [-1]]) });
  }),
  Transpose: moving((b, r, dtype) => {
    const shape = anyShape(r, 0);
    return b.op(
      'Transpose',
      [b.input('x', { dtype, shape })],
      r.int(0, 3) === 0 ? {} : { perm: r.shuffled([...shape.keys()]) },
    );
  }),
  Expand: moving((b, r, dtype) => {
    const shape: Shape = anyShape(r, 0);
    const to = shape.map((extent, axis) => (axis === 0 ? 1 : r.pick([1, Number(extent)])));
    const from = shape.map((extent, axis) => (axis === 0 || r.int(0, 1) === 0 ? extent : 1));
    const whole = shape.map((extent, axis) => (from[axis] === extent ? to[axis] : Number(extent)));
    const lead = r.ints(r.int(0, Math.min(2, 10 - shape.length)), 1, 3);
    const asked =
      lead.length > 0
        ? [...lead, ...whole]
        : whole.slice(
            r.int(
              0,
              Math.max(
                0,
                from.findIndex((d, i) => d !== shape[i]),
              ),
            ),
          );
    return b.op('Expand', [b.input('x', { dtype, shape: from })], { shape: asked });
  }),
  ExpandBatch: moving((b, r, dtype) => {
    const like = b.input('like', { dtype: r.pick(DTYPES), shape: anyShape(r) });
    return b.op('ExpandBatch', [weight(b, r, 'x', { dtype, shape: [1, ...knownShape(r, 0, 9)] }), like]);
  }),
  Slice: moving((b, r, dtype) => {
    const shape = anyShape(r);
    const axes = [...shape.keys()].filter((axis) => axis > 0 && r.int(0, 1) === 0);
    const parts = axes.map((axis) => bounds(r, Number(shape[axis])));
    const part = (i: 0 | 1 | 2) => parts.map((bound) => bound[i]);
    const attrs = { axes: axes.map((a) => r.pick([a, a - shape.length])), starts: part(0), ends: part(1) };
    return b.op('Slice', [b.input('x', { dtype, shape })], {
      ...attrs,
      ...(part(2).every((s) => s === 1) ? {} : { steps: part(2) }),
    });
  }),
  Tile: moving((b, r, dtype) => {
    const shape = anyShape(r, 0);
    const repeats = shape.map((_, axis) => (axis === 0 ? 1 : r.int(1, shape.length > 4 ? 2 : 3)));
    return b.op('Tile', [b.input('x', { dtype, shape })], { repeats });
  }),
  Gather: moving((b, r, dtype) => {
    const shape = knownShape(r, 1, 6);
    const axis = r.int(0, 3) === 0 ? 0 : anyAxis(r, shape.length);
    const ids = smallIndices(b, r, shape.at(axis)!, 4);
    return b.op('Gather', [weight(b, r, 'data', { dtype, shape }), ids], axis === 0 ? {} : { axis });
  }),
  GatherGrad: floats((b, r, dtype) => {
    const rows = r.int(1, 5);
    const ids = smallIndices(b, r, rows, 4);
    const dy = b.input('dy', { dtype, shape: [...b.spec(ids).shape, ...knownShape(r, 1, 4)] });
    return b.op('GatherGrad', [dy, ids], { rows });
  }),
};
