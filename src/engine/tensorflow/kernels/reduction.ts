import { flagAttr, intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { axisPlaces, type Kernel, type KernelTable, ownLayout } from '../kernel.js';
import { permToFirst } from '../value.js';

/** Reduces the input as it stands. No axes means that nothing is reduced; tfjs-core would then reduce everything. */
const reduction =
  (name: 'sum' | 'mean' | 'max'): Kernel =>
  (x) => {
    const { tf } = x;
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const axes = intsAttr(x.node, 'axes').map((axis) => normalizeAxis(x.node, axis, input.rank));
    if (axes.length === 0) return { tensor: input, layout };
    const places = axisPlaces(input.rank, layout);
    const reduced = tf[name](
      input,
      axes.map((axis) => places[axis]),
      true,
    );
    if (flagAttr(x.node, 'keepdims', true)) return { tensor: reduced, layout };
    const inOrder = layout === 'channels-last' ? tf.transpose(reduced, permToFirst(input.rank)) : reduced;
    return tf.reshape(
      inOrder,
      inOrder.shape.filter((_, axis) => !axes.includes(axis)),
    );
  };

export const REDUCTIONS: KernelTable = {
  ReduceSum: reduction('sum'),
  ReduceMean: reduction('mean'),
  ReduceMax: reduction('max'),
  /**
   * The least index of a largest element: devices differ in which of equals their own kernel finds. Indices are float32,
   * exact below 2^24, as not every device has kernels for whole numbers.
   */
  ArgMax: (x) => {
    const { tf } = x;
    const input = x.input(0);
    const axis = normalizeAxis(x.node, intAttr(x.node, 'axis', 0), input.rank);
    const extent = input.shape[axis];
    const indices = tf.reshape(
      tf.range(0, extent),
      input.shape.map((d, i) => (i === axis ? d : 1)),
    );
    const isLargest = tf.equal(input, tf.max(input, axis, true));
    const first = tf.min(tf.where(isLargest, indices, tf.scalar(extent)), axis, flagAttr(x.node, 'keepdims', true));
    return tf.cast(first, 'int32');
  },
};
