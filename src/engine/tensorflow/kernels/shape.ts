import { choiceAttr, intAttr, intsAttr, numberAttr } from '../../../graph/ops/attributes.js';
import { broadcastShapes } from '../../../graph/ops/broadcast.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { slices } from '../../../graph/ops/training-slice.js';
import { takeStrided } from '../axis.js';
import { type KernelTable, type NodeRun, ownLayout } from '../kernel.js';
import { type DeviceTensor, type Layout, permToFirst } from '../value.js';

/** The input's index that each index of an axis takes, padded by `begin` and `end` without a constant. */
function paddedIndices(extent: number, begin: number, end: number, mode: 'reflect' | 'edge'): number[] {
  return Array.from({ length: begin + extent + end }, (_, i) => {
    const at = i - begin;
    if (at >= 0 && at < extent) return at;
    if (mode === 'edge') return at < 0 ? 0 : extent - 1;
    return at < 0 ? -at : 2 * (extent - 1) - at;
  });
}

function pad(x: NodeRun): DeviceTensor {
  const { tf } = x;
  const input = x.input(0);
  const mode = choiceAttr(x.node, 'mode', ['constant', 'reflect', 'edge'], 'constant');
  const pads = intsAttr(x.node, 'pads');
  const sides = input.shape.map((_, axis) => [pads[axis], pads[input.rank + axis]] as const);
  if (mode !== 'constant') {
    return sides.reduce<DeviceTensor>((t, [begin, end], axis) => {
      if (begin === 0 && end === 0) return t;
      const indices = paddedIndices(t.shape[axis], begin, end, mode);
      return tf.gather(t, tf.tensor1d(indices, 'int32'), axis);
    }, input);
  }
  // Negative pads crop.
  const cropped = tf.slice(
    input,
    sides.map(([begin]) => Math.max(0, -begin)),
    input.shape.map((extent, axis) => extent + Math.min(0, sides[axis][0]) + Math.min(0, sides[axis][1])),
  );
  const added = sides.map(([begin, end]): [number, number] => [Math.max(0, begin), Math.max(0, end)]);
  return tf.pad(cropped, added, numberAttr(x.node, 'value', 0));
}

export const SHAPES: KernelTable = {
  Concat: (x) => {
    const indices = Array.from({ length: x.inputCount }, (_, i) => i);
    const last = indices.every((i) => ownLayout(x, i) === 'channels-last');
    const layout: Layout = last ? 'channels-last' : 'channels-first';
    const rank = x.value(0).rank;
    const axis = normalizeAxis(x.node, intAttr(x.node, 'axis', 0), rank);
    const parts = indices.map((i) => x.value(i).in(layout));
    return { tensor: x.tf.concat(parts, last ? permToFirst(rank)[axis] : axis), layout };
  },
  Flatten: (x) => {
    const input = x.input(0);
    const axis = normalizeAxis(x.node, intAttr(x.node, 'axis', 1), input.rank, true);
    const rows = input.shape.slice(0, axis).reduce((n, d) => n * d, 1);
    return x.tf.reshape(input, [rows, input.size / rows]);
  },
  Reshape: (x) => {
    const input = x.input(0);
    const shape = intsAttr(x.node, 'shape').map((extent, axis) => (extent === 0 ? input.shape[axis] : extent));
    return x.tf.reshape(input, shape);
  },
  /** A value that stands channels-last already may be the transpose that is asked for. */
  Transpose: (x) => {
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const reversed = input.shape.map((_, axis) => input.rank - 1 - axis);
    const perm = intsAttr(x.node, 'perm', reversed);
    if (layout === 'channels-first') return x.tf.transpose(input, [...perm]);
    const places = permToFirst(input.rank);
    const composed = perm.map((axis) => places[axis]);
    return composed.every((place, axis) => place === axis) ? input : x.tf.transpose(input, composed);
  },
  Expand: (x) => {
    const input = x.input(0);
    const shape = broadcastShapes(x.node, [input.shape, intsAttr(x.node, 'shape')]) as number[];
    return x.tf.broadcastTo(input, shape);
  },
  Slice: (x) => {
    const { tf } = x;
    const input = x.input(0);
    return [...slices(x.node, input.shape)].reduce<DeviceTensor>((t, [axis, { start, step, count }]) => {
      if (step > 0) return takeStrided(tf, t, axis, start, count, step);
      return tf.reverse(takeStrided(tf, t, axis, start + (count - 1) * step, count, -step), axis);
    }, input);
  },
  Pad: pad,
};
