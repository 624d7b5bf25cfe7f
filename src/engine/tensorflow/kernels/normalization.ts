import { numberAttr } from '../../../graph/ops/attributes.js';
import { epsilonOf, firstNormalizedAxis, normalizedGroups } from '../../../graph/ops/sample-normalization.js';
import { channelsLast, type Kernel, type KernelTable, ownLayout } from '../kernel.js';
import type { DeviceTensor, TF } from '../value.js';

/** Less its mean over `axes`, divided by its standard deviation over them. */
function standardized(tf: TF, t: DeviceTensor, axes: number[], epsilon: number): DeviceTensor {
  const centered = tf.sub(t, tf.mean(t, axes, true));
  const variance = tf.mean(tf.square(centered), axes, true);
  return tf.div(centered, tf.sqrt(tf.add(variance, epsilon)));
}

/** Over the positions and the channels of each group. */
const normalizedByGroup: Kernel = (x) => {
  const { tf, node } = x;
  const input = x.channelsLast(0);
  const [samples, channels] = [input.shape[0], input.shape[input.rank - 1] as number];
  const groups = normalizedGroups(node, channels);
  const grouped = tf.reshape(input, [samples, input.size / (samples * channels), groups, channels / groups]);
  const normal = tf.reshape(standardized(tf, grouped, [1, 3], epsilonOf(node)), input.shape);
  return channelsLast(tf.add(tf.mul(normal, x.input(1)), x.input(2)));
};

export const NORMALIZATIONS: KernelTable = {
  GroupNormalization: normalizedByGroup,
  InstanceNormalization: normalizedByGroup,
  LayerNormalization: (x) => {
    const { tf, node } = x;
    const input = x.input(0);
    const axes = [...input.shape.keys()].slice(firstNormalizedAxis(node, input.rank));
    const scaled = tf.mul(standardized(tf, input, axes, epsilonOf(node)), x.input(1));
    return x.hasInput(2) ? tf.add(scaled, x.input(2)) : scaled;
  },
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
