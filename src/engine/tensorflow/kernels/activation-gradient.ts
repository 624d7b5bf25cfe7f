import { numberAttr, optionalNumberAttr } from '../../../graph/ops/attributes.js';
import { broadcast, type Kernel, type KernelTable } from '../kernel.js';
import type { DeviceTensor, TF } from '../value.js';

/** dy times a factor that depends on a value of the forward pass. */
const scaled = (
  factor: (tf: TF, saved: DeviceTensor, node: Parameters<typeof numberAttr>[0]) => DeviceTensor,
): Kernel => broadcast(([dy, saved], { tf, node }) => tf.mul(dy, factor(tf, saved, node)));

const above = (tf: TF, t: DeviceTensor, bound: number): DeviceTensor => tf.cast(tf.greater(t, bound), 'float32');
const below = (tf: TF, t: DeviceTensor, bound: number): DeviceTensor => tf.cast(tf.less(t, bound), 'float32');

export const ACTIVATION_GRADIENTS: KernelTable = {
  ReluGrad: scaled((tf, y) => above(tf, y, 0)),
  LeakyReluGrad: scaled((tf, x, node) => {
    const alpha = numberAttr(node, 'alpha', 0.01);
    return tf.add(tf.mul(above(tf, x, 0), 1 - alpha), alpha);
  }),
  ClipGrad: scaled((tf, x, node) => {
    const [min, max] = [optionalNumberAttr(node, 'min'), optionalNumberAttr(node, 'max')];
    const factors = [
      ...(min === undefined ? [] : [above(tf, x, min)]),
      ...(max === undefined ? [] : [below(tf, x, max)]),
    ];
    return factors.reduce<DeviceTensor>((a, b) => tf.mul(a, b), tf.scalar(1));
  }),
  SigmoidGrad: scaled((tf, y) => tf.mul(y, tf.sub(1, y))),
  TanhGrad: scaled((tf, y) => tf.sub(1, tf.mul(y, y))),
};
