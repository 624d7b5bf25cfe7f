import { flagAttr, intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import type { DType } from '../../../graph/tensor.js';
import { takeStrided } from '../axis.js';
import { axisPlaces, type Kernel, type KernelTable, ownLayout } from '../kernel.js';
import { type DeviceTensor, permToFirst, type TF } from '../value.js';
import { divided, wrapped } from '../whole-numbers.js';

type Reduce = (tf: TF, t: DeviceTensor, axes: number[], dtype: DType) => DeviceTensor;

const sum: Reduce = (tf, t, axes, dtype) => wrapped(tf, tf.sum(t, axes, true), dtype);

/** Of whole numbers the whole part; tfjs-core's own mean of them is a float. */
const mean: Reduce = (tf, t, axes) => {
  if (t.dtype === 'float32') return tf.mean(t, axes, true);
  const total = tf.sum(t, axes, true);
  return divided(tf, total, tf.fill(total.shape, t.size / total.size, 'int32'));
};

/** Reduces the input as it stands. No axes means that nothing is reduced; tfjs-core would then reduce everything. */
const reduction =
  (reduce: Reduce): Kernel =>
  (x) => {
    const { tf } = x;
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const axes = intsAttr(x.node, 'axes').map((axis) => normalizeAxis(x.node, axis, input.rank));
    if (axes.length === 0) return { tensor: input, layout };
    const places = axisPlaces(input.rank, layout);
    const standing = axes.map((axis) => places[axis]);
    const reduced = reduce(tf, input, standing, x.outputSpec().dtype);
    if (flagAttr(x.node, 'keepdims', true)) return { tensor: reduced, layout };
    const inOrder = layout === 'channels-last' ? tf.transpose(reduced, permToFirst(input.rank)) : reduced;
    return tf.reshape(
      inOrder,
      inOrder.shape.filter((_, axis) => !axes.includes(axis)),
    );
  };

/** The largest along an axis: a NaN where the first is one, else of what is none. */
function largest(tf: TF, t: DeviceTensor, axis: number): DeviceTensor {
  if (t.dtype !== 'float32') return tf.max(t, axis, true);
  const numbers = tf.where(tf.equal(t, t), t, tf.scalar(Number.NEGATIVE_INFINITY));
  const first = takeStrided(tf, t, axis, 0, 1, 1);
  return tf.where(tf.equal(first, first), tf.max(numbers, axis, true), first);
}

export const REDUCTIONS: KernelTable = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction(mean),
  ReduceMax: reduction((tf, t, axes) => tf.max(t, axes, true)),
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
    const isLargest = tf.equal(input, largest(tf, input, axis));
    const first = tf.min(tf.where(isLargest, indices, tf.scalar(extent)), axis, flagAttr(x.node, 'keepdims', true));
    // Nothing is larger than a NaN that comes first: no index is left then.
    return tf.cast(tf.mod(first, tf.scalar(extent)), 'int32');
  },
};
