import { numberAttr } from '../../../graph/ops/attributes.js';
import { type KernelTable, ownLayout } from '../kernel.js';

export const NORMALIZATIONS: KernelTable = {
  /** One multiplication and one addition of the whole input. */
  BatchNormalization: (x) => {
    const { tf, node } = x;
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const [scale, shift, mean, variance] = [1, 2, 3, 4].map((i) => x.input(i));
    const factor = tf.div(scale, tf.sqrt(tf.add(variance, numberAttr(node, 'epsilon', 1e-5))));
    const offset = tf.sub(shift, tf.mul(mean, factor));
    const spatial = layout === 'channels-last' ? [] : input.shape.slice(2).map(() => 1);
    const [a, b] = [factor, offset].map((t) => tf.reshape(t, [t.size, ...spatial]));
    return { tensor: tf.add(tf.mul(input, a), b), layout };
  },
};
