/** Heads: what comes out of a map in the end. */
import { pick, type StepKind } from './network.js';

/** Dense layers behind each kind of flatten, pool and reduction. */
export const classifier: StepKind = (net, x, { a, b, c }) => {
  const { sketch } = net;
  const reduction = pick(['ReduceMean', 'ReduceSum', 'ReduceMax'], b);
  let features = pick(
    [
      () => sketch.globalPool(x),
      () => sketch.flatten(x),
      () => sketch.flattenChannelsLast(x),
      () => sketch.flatten(net.op('GlobalMaxPool', [x])),
      () => net.op(reduction, [x], { axes: [2, 3], keepdims: 0 }),
      () => net.op(reduction, [x], { axes: [1, 3], keepdims: 0 }),
      () => net.reshape(x, 0, -1),
      () => net.op('Concat', [sketch.globalPool(x), sketch.flatten(x)], { axis: 1 }),
    ],
    a,
  )();
  if (b % 3 === 1) features = sketch.batchNorm(net.layer('bn'), features);
  if (c % 2 === 1) features = sketch.relu(sketch.dense(net.layer('hidden'), features, 2 + (b % 8)));
  const logits = sketch.dense(net.layer('logits'), features, 2 + (a % 4));
  return b % 2 === 1 ? net.op('Softmax', [logits], { axis: 1 }) : logits;
};

/** The map itself: none of its channels may go. */
export const mapItself: StepKind = (_net, x) => x;

/** A class for each place. */
export const segmentation: StepKind = (net, x, { a }) => net.op('Softmax', [net.project(x, 2 + (a % 3))], { axis: 1 });

/**
 * Predictions at two maps, anchors by places, in one list: `[N, predictions, values]`; boxes and scores each from a
 * convolution, or of one that is cut.
 */
export const detection: StepKind = (net, x, { a, b, c }) => {
  const [anchors, values] = [1 + (a % 2), 3];
  const levels = [x, net.op('MaxPool', [x], { kernel_shape: [1, 1], strides: [2, 2] })];
  const predictions = levels.map((level) => {
    const [, , height, width] = net.shape(level);
    const neck = net.sketch.conv(net.layer('neck'), level, 3 + (b % 4));
    const raw = net.sketch.conv(net.layer('predict'), neck, anchors * values, { kernel: 1 });
    const places = height * width;
    if (c % 2 === 0) {
      const apart = net.transpose(net.reshape(raw, 0, anchors, values, height, width), 0, 1, 3, 4, 2);
      return net.reshape(apart, 0, anchors * places, values);
    }
    const rows = net.reshape(net.transpose(raw, 0, 2, 3, 1), 0, -1, values);
    return net.concat([net.op('Sigmoid', [net.slice(rows, 2, 0, 1)]), net.slice(rows, 2, 1, values)], 2);
  });
  return net.concat(predictions);
};

/** A mean over tokens behind a layer norm, as transformers end; or the first token's. */
export const tokens: StepKind = (net, x, { a, b }) => {
  const [, channels, height, width] = net.shape(x);
  const rows = net.transpose(net.reshape(x, 0, channels, height * width), 0, 2, 1);
  const normal = net.sketch.sampleNorm('LayerNormalization', net.layer('norm'), rows, { axis: 2, epsilon: 0.125 });
  const one =
    a % 2 === 0
      ? net.op('ReduceMean', [normal], { axes: [1], keepdims: 0 })
      : net.reshape(net.slice(normal, 1, 0, 1), 0, channels);
  return net.dense(one, 2 + (b % 3));
};
