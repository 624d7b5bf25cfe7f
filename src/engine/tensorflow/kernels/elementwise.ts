import { choiceAttr, intAttr } from '../../../graph/ops/attributes.js';
import { DTYPE_BYTES, type DType } from '../../../graph/tensor.js';
import { deviceType } from '../host-tensors.js';
import { broadcast, elementwise, type Kernel, type KernelTable } from '../kernel.js';
import type { DeviceTensor, TF } from '../value.js';

const binary = (name: 'add' | 'sub' | 'mul' | 'minimum' | 'maximum' | 'equal' | 'greater' | 'less'): Kernel =>
  broadcast(([a, b], { tf }) => tf[name](a, b));

/** Whole numbers divide towards zero; TensorFlow's own division of them goes down. */
function divided(tf: TF, a: DeviceTensor, b: DeviceTensor): DeviceTensor {
  if (a.dtype === 'float32') return tf.div(a, b);
  const size = tf.floorDiv(tf.abs(a), tf.abs(b));
  return tf.where(tf.notEqual(tf.less(a, tf.zerosLike(a)), tf.less(b, tf.zerosLike(b))), tf.neg(size), size);
}

export const ELEMENTWISE: KernelTable = {
  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: broadcast(([a, b], { tf }) => divided(tf, a, b)),
  Min: binary('minimum'),
  Max: binary('maximum'),
  Equal: binary('equal'),
  Greater: binary('greater'),
  Less: binary('less'),
  Where: broadcast(([condition, a, b], { tf }) => tf.where(condition, a, b)),
  Cast: elementwise((t, { tf, node }) => {
    const to = choiceAttr(node, 'to', Object.keys(DTYPE_BYTES) as DType[], 'float32');
    if (to === 'bool') return t.dtype === 'bool' ? t : tf.notEqual(t, tf.zerosLike(t));
    const cast = tf.cast(t, deviceType(to));
    // What the type that holds it doesn't do by itself: a byte wraps around.
    return to === 'uint8' && t.dtype !== 'bool' ? tf.mod(cast, tf.scalar(256, 'int32')) : cast;
  }),
  /** Not tfjs-core's, which wants two classes or more. */
  OneHot: (x) => {
    const { tf } = x;
    const classes = tf.range(0, intAttr(x.node, 'depth', 0), 1, 'int32');
    return tf.cast(tf.equal(tf.expandDims(x.input(0), -1), classes), 'float32');
  },
};
