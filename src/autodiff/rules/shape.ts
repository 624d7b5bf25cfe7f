import { intAttr, intsAttr } from '../../graph/ops/attributes.js';
import { padSources } from '../../graph/ops/pad.js';
import { slices } from '../../graph/ops/slice.js';
import { tileRepeats } from '../../graph/ops/tile.js';
import type { GradientRule } from './gradient-rule.js';
import { knownExtents, positiveAxis, reshapeTo } from './reshaping.js';

/** Flatten and reshape: the same elements in the input's shape. */
export const reshapeGradient: GradientRule = (node, dy, { builder: b }) => [
  reshapeTo(b, node, dy, b.shape(node.inputs[0])),
];

/** Every element gets what it gave, times its share. */
export const resizeGradient: GradientRule = (node, dy, { builder: b }) => {
  const from = b.shape(node.inputs[0]);
  const to = b.shape(dy);
  const shape = knownExtents(
    node,
    from.map((dim, axis) => (dim === to[axis] ? 0 : dim)),
  );
  return [b.op('ResizeGrad', [dy], { ...node.attrs, shape })];
};

export const transposeGradient: GradientRule = (node, dy, { builder: b }) => {
  const reversed = b.shape(dy).map((_, i, all) => all.length - 1 - i);
  const inverse: number[] = [];
  intsAttr(node, 'perm', reversed).forEach((from, to) => {
    inverse[from] = to;
  });
  return [b.op('Transpose', [dy], { perm: inverse })];
};

/** Each input gets its own part of the gradient. */
export const concatGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const axis = positiveAxis(intAttr(node, 'axis', 0), b.shape(dy).length);
  const extents = knownExtents(
    node,
    node.inputs.map((input) => b.shape(input)[axis]),
  );
  let end = 0;
  return extents.map((extent, i) => {
    const start = end;
    end += extent;
    return needs(i) ? b.op('Slice', [dy], { axes: [axis], starts: [start], ends: [end] }) : undefined;
  });
};

/** Zeros where nothing was taken. Backward steps are turned round, then zeros are put between the strides and around. */
export const sliceGradient: GradientRule = (node, dy, { builder: b }) => {
  const full = b.shape(node.inputs[0]);
  let dx = dy;
  for (const [axis, { start, step, count }] of slices(node, full)) {
    const [extent] = knownExtents(node, [full[axis]]);
    const stride = Math.abs(step);
    if (step < 0) dx = b.op('Slice', [dx], { axes: [axis], starts: [-1], ends: [-count - 1], steps: [-1] });
    if (stride > 1) {
      const split = b.shape(dx).toSpliced(axis + 1, 0, 1);
      const pads = [...split, ...split].map((_, i) => (i === split.length + axis + 1 ? stride - 1 : 0));
      const spread = b.op('Pad', [reshapeTo(b, node, dx, split)], { pads });
      dx = reshapeTo(b, node, spread, b.shape(dx).with(axis, count * stride));
    }
    const before = step < 0 ? start + (count - 1) * step : start;
    const pads = [...full, ...full].map((_, i) => (i === axis ? before : 0));
    pads[full.length + axis] = extent - before - count * stride;
    if (pads.some((pad) => pad !== 0)) dx = b.op('Pad', [dx], { pads });
  }
  return [dx];
};

/** The copies of each axis are summed. */
export const tileGradient: GradientRule = (node, dy, { builder: b }) => {
  const full = b.shape(node.inputs[0]);
  let dx = dy;
  tileRepeats(node, full.length).forEach((times, axis) => {
    if (times === 1) return;
    const [extent] = knownExtents(node, [full[axis]]);
    const copies = reshapeTo(b, node, dx, b.shape(dx).toSpliced(axis, 1, times, extent));
    dx = b.op('ReduceSum', [copies], { axes: [axis], keepdims: 0 });
  });
  return [dx];
};

/**
 * Constant padding: what was added is cut off, what was cut off (negative pads) gets zeros. Reflecting and repeating
 * padding: see {@link repeatingPadGradient}.
 */
export const padGradient: GradientRule = (node, dy, context) => {
  const { builder: b } = context;
  if ((node.attrs.mode ?? 'constant') !== 'constant') return repeatingPadGradient(node, dy, context);
  const pads = intsAttr(node, 'pads');
  const rank = pads.length / 2;
  const shape = b.shape(dy);
  const axes = shape.flatMap((_, i) => (pads[i] > 0 || pads[rank + i] > 0 ? [i] : []));
  const starts = axes.map((i) => Math.max(pads[i], 0));
  const extents = knownExtents(
    node,
    axes.map((i) => shape[i]),
  );
  const ends = extents.map((extent, k) => extent - Math.max(pads[rank + axes[k]], 0));
  const inner = axes.length > 0 ? b.op('Slice', [dy], { axes, starts, ends }) : dy;
  const cropped = pads.map((pad) => Math.max(-pad, 0));
  return [cropped.some((pad) => pad > 0) ? b.op('Pad', [inner], { pads: cropped }) : inner];
};

/**
 * Each padded axis is a product with a matrix of zeros and ones, one row an output position, which names the input
 * position that it copies; its transpose sums what the copies got.
 */
const repeatingPadGradient: GradientRule = (node, dy, { builder: b }) => {
  const pads = intsAttr(node, 'pads');
  const full = b.shape(node.inputs[0]);
  const rank = full.length;
  let dx = dy;
  for (let axis = 0; axis < rank; axis++) {
    if (pads[axis] === 0 && pads[rank + axis] === 0) continue;
    const [extent] = knownExtents(node, [full[axis]]);
    const sources = padSources(node, axis, extent);
    const copies = new Float32Array(sources.length * extent);
    sources.forEach((source, i) => {
      copies[i * extent + source] = 1;
    });
    const shape = [sources.length, extent];
    const matrix = b.constant(`${node.name}/copies${axis}`, { dtype: 'float32', shape, data: copies }, 'literal');
    const swap = full.map((_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
    const rows = axis === rank - 1 ? dx : b.op('Transpose', [dx], { perm: swap });
    const summed = b.op('MatMul', [rows, matrix]);
    dx = axis === rank - 1 ? summed : b.op('Transpose', [summed], { perm: swap });
  }
  return [dx];
};
