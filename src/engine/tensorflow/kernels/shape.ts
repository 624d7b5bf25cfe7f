import { getExtents } from '../../../graph/dims.js';
import { choiceAttr, intAttr, intsAttr, numberAttr } from '../../../graph/ops/attributes.js';
import { broadcastShapes } from '../../../graph/ops/broadcast.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { slices } from '../../../graph/ops/slice.js';
import { tileRepeats } from '../../../graph/ops/tile.js';
import { takeStrided } from '../axis.js';
import { axisPlaces, type Kernel, type KernelTable, type NodeRun, ownLayout } from '../kernel.js';
import type { DeviceTensor, Layout } from '../value.js';

/** The input's index that each index of an axis takes, padded by `begin` and `end` without a constant. */
function paddedIndices(extent: number, begin: number, end: number, mode: 'reflect' | 'edge'): number[] {
  return Array.from({ length: begin + extent + end }, (_, i) => {
    const at = i - begin;
    if (at >= 0 && at < extent) return at;
    if (mode === 'edge') return at < 0 ? 0 : extent - 1;
    return at < 0 ? -at : 2 * (extent - 1) - at;
  });
}

/** Indices into an axis; negative ones count from its end. */
function wrappedIndices(x: NodeRun, i: number, extent: number): DeviceTensor {
  const { tf } = x;
  const indices = x.input(i);
  return tf.where(tf.less(indices, 0), tf.add(indices, tf.scalar(extent, 'int32')), indices);
}

const pad: Kernel = (x) => {
  const { tf } = x;
  const layout = ownLayout(x, 0);
  const input = x.value(0).in(layout);
  const mode = choiceAttr(x.node, 'mode', ['constant', 'reflect', 'edge'], 'constant');
  const pads = intsAttr(x.node, 'pads');
  const places = axisPlaces(input.rank, layout);
  const sides = input.shape.map((_, place) => {
    const axis = places.indexOf(place);
    return [pads[axis], pads[input.rank + axis]] as const;
  });
  if (mode !== 'constant') {
    const padded = sides.reduce<DeviceTensor>((t, [begin, end], place) => {
      if (begin === 0 && end === 0) return t;
      const indices = paddedIndices(t.shape[place], begin, end, mode);
      return tf.gather(t, tf.tensor1d(indices, 'int32'), place);
    }, input);
    return { tensor: padded, layout };
  }
  // Negative pads crop.
  const cropped = tf.slice(
    input,
    sides.map(([begin]) => Math.max(0, -begin)),
    input.shape.map((extent, place) => extent + Math.min(0, sides[place][0]) + Math.min(0, sides[place][1])),
  );
  const added = sides.map(([begin, end]): [number, number] => [Math.max(0, begin), Math.max(0, end)]);
  return { tensor: tf.pad(cropped, added, numberAttr(x.node, 'value', 0)), layout };
};

export const SHAPES: KernelTable = {
  Concat: (x) => {
    const indices = Array.from({ length: x.inputCount }, (_, i) => i);
    const last = indices.every((i) => ownLayout(x, i) === 'channels-last');
    const layout: Layout = last ? 'channels-last' : 'channels-first';
    const rank = x.value(0).rank;
    const axis = normalizeAxis(x.node, intAttr(x.node, 'axis', 0), rank);
    const parts = indices.map((i) => x.value(i).in(layout));
    return { tensor: x.tf.concat(parts, axisPlaces(rank, layout)[axis]), layout };
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
    const places = axisPlaces(input.rank, layout);
    const composed = perm.map((axis) => places[axis]);
    return composed.every((place, axis) => place === axis) ? input : x.tf.transpose(input, composed);
  },
  Expand: (x) => {
    const input = x.input(0);
    const shape = broadcastShapes<number>(x.node, [input.shape, intsAttr(x.node, 'shape')]);
    return x.tf.broadcastTo(input, shape);
  },
  ExpandBatch: (x) => {
    const input = x.input(0);
    return x.tf.broadcastTo(input, [x.value(1).in('channels-first').shape[0], ...input.shape.slice(1)]);
  },
  Slice: (x) => {
    const { tf } = x;
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const places = axisPlaces(input.rank, layout);
    const shape = places.map((place) => input.shape[place]);
    const tensor = [...slices(x.node, shape)].reduce<DeviceTensor>((t, [axis, { start, step, count }]) => {
      if (step > 0) return takeStrided(tf, t, places[axis], start, count, step);
      return tf.reverse(takeStrided(tf, t, places[axis], start + (count - 1) * step, count, -step), places[axis]);
    }, input);
    return { tensor, layout };
  },
  Tile: (x) => {
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const repeats = [...tileRepeats(x.node, input.rank)];
    axisPlaces(input.rank, layout).forEach((place, axis) => {
      repeats[place] = tileRepeats(x.node, input.rank)[axis];
    });
    return { tensor: x.tf.tile(input, repeats), layout };
  },
  Gather: (x) => {
    const data = x.input(0);
    const axis = normalizeAxis(x.node, intAttr(x.node, 'axis', 0), data.rank);
    return x.tf.gather(data, wrappedIndices(x, 1, data.shape[axis]), axis);
  },
  GatherGrad: (x) => {
    const { tf } = x;
    const [rows, ...row] = getExtents(x.outputSpec().shape);
    const indices = tf.reshape(wrappedIndices(x, 1, rows), [-1, 1]);
    return tf.scatterND(indices, tf.reshape(x.input(0), [indices.size, ...row]), [rows, ...row]);
  },
  Pad: pad,
};
