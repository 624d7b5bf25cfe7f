import type { Tensor1D } from '@tensorflow/tfjs';
import { intAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { tileRepeats } from '../../../graph/ops/tile.js';
import { axisPlaces, type KernelTable, type NodeRun, ownLayout } from '../kernel.js';

/** Input `i`, flat; negative indices count from the end of an axis of `extent`. */
function wrappedIndices(x: NodeRun, i: number, extent: number): Tensor1D {
  const { tf } = x;
  const flat = tf.reshape(x.input(i), [x.input(i).size]);
  const isNegative = tf.cast(tf.less(flat, tf.scalar(0, 'int32')), 'int32');
  return tf.add(flat, tf.mul(isNegative, tf.scalar(extent, 'int32')));
}

export const SELECTIONS: KernelTable = {
  Tile: (x) => {
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const repeats = tileRepeats(x.node, input.rank);
    const places = axisPlaces(input.rank, layout);
    const standing = input.shape.map((_, place) => repeats[places.indexOf(place)]);
    return { tensor: x.tf.tile(input, standing), layout };
  },
  Gather: (x) => {
    const data = x.input(0);
    const axis = normalizeAxis(x.node, intAttr(x.node, 'axis', 0), data.rank);
    const taken = x.tf.gather(data, wrappedIndices(x, 1, data.shape[axis]), axis);
    return x.tf.reshape(taken, data.shape.toSpliced(axis, 1, ...x.input(1).shape));
  },
  /** Rows that several places took get the sum. */
  GatherGrad: (x) => {
    const { tf } = x;
    const dy = x.input(0);
    const rows = intAttr(x.node, 'rows', 0);
    const indices = wrappedIndices(x, 1, rows);
    const row = dy.shape.slice(x.input(1).rank);
    const updates = tf.reshape(dy, [indices.size, dy.size / indices.size]);
    const table = tf.scatterND(tf.expandDims(indices, 1), updates, [rows, dy.size / indices.size]);
    return tf.reshape(table, [rows, ...row]);
  },
};
