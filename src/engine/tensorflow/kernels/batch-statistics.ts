import { numberAttr } from '../../../graph/ops/attributes.js';
import { axisPlaces, type KernelTable, type NodeRun, ownLayout } from '../kernel.js';
import type { DeviceTensor, Layout } from '../value.js';

/** How vectors `[C]` stand against a tensor of a layout, and the axes that a channel is spread over there. */
function channelsOf(x: NodeRun, rank: number, layout: Layout) {
  const place = axisPlaces(rank, layout)[1];
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== place);
  const spread = (vector: DeviceTensor): DeviceTensor =>
    x.tf.reshape(
      vector,
      Array.from({ length: rank }, (_, axis) => (axis === place ? vector.size : 1)),
    );
  return { axes, spread };
}

/** Batch norm by the statistics of the batch. */
export const BATCH_STATISTICS: KernelTable = {
  BatchNormalizationTraining: (x) => {
    const { tf, node } = x;
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const { axes, spread } = channelsOf(x, input.rank, layout);
    const mean = tf.mean(input, axes);
    const centred = tf.sub(input, spread(mean));
    const variance = tf.mean(tf.square(centred), axes);
    const factor = tf.div(x.input(1), tf.sqrt(tf.add(variance, numberAttr(node, 'epsilon', 1e-5))));
    return [{ tensor: tf.add(tf.mul(centred, spread(factor)), spread(x.input(2))), layout }, mean, variance];
  },
  BatchNormalizationGrad: (x) => {
    const { tf, node } = x;
    const layout = ownLayout(x, 1);
    const [dy, input] = [0, 1].map((i) => x.value(i).in(layout));
    const [scale, mean, variance] = [2, 3, 4].map((i) => x.input(i));
    const { axes, spread } = channelsOf(x, input.rank, layout);
    const deviation = tf.sqrt(tf.add(variance, numberAttr(node, 'epsilon', 1e-5)));
    const normal = tf.div(tf.sub(input, spread(mean)), spread(deviation));
    const dShift = tf.sum(dy, axes);
    const dScale = tf.sum(tf.mul(dy, normal), axes);
    const share = (sum: DeviceTensor): DeviceTensor => spread(tf.div(sum, input.size / scale.size));
    const rest = tf.sub(tf.sub(dy, share(dShift)), tf.mul(normal, share(dScale)));
    return [{ tensor: tf.mul(rest, spread(tf.div(scale, deviation))), layout }, dScale, dShift];
  },
};
