import type { DType } from '../../graph/tensor.js';
import type { DeviceTensor, TF } from './value.js';

/** a/b; whole numbers divide towards zero, where TensorFlow's own division of them goes down. */
export function divided(tf: TF, a: DeviceTensor, b: DeviceTensor): DeviceTensor {
  if (a.dtype === 'float32') return tf.div(a, b);
  const size = tf.floorDiv(tf.abs(a), tf.abs(b));
  return tf.where(tf.notEqual(tf.less(a, tf.zerosLike(a)), tf.less(b, tf.zerosLike(b))), tf.neg(size), size);
}

/** What the int32 that holds a byte doesn't do by itself: a byte wraps around. */
export function wrapped(tf: TF, t: DeviceTensor, dtype: DType): DeviceTensor {
  return dtype === 'uint8' ? tf.mod(t, tf.scalar(256, 'int32')) : t;
}
