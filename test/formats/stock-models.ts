import { tf } from '../support/tfjs.js';

const L = tf.layers;

function model(inputs: tf.SymbolicTensor | tf.SymbolicTensor[], outputs: tf.SymbolicTensor | tf.SymbolicTensor[]) {
  return tf.model({ inputs, outputs });
}

function apply(layer: tf.layers.Layer, x: tf.SymbolicTensor | tf.SymbolicTensor[]): tf.SymbolicTensor {
  return layer.apply(x) as tf.SymbolicTensor;
}

/** Models made with stock tfjs-layers, small, each for some part of what is read. */
export const STOCK_MODELS: Readonly<Record<string, () => tf.LayersModel>> = {
  'a sequential network': () =>
    tf.sequential({
      layers: [
        L.conv2d({ inputShape: [9, 8, 3], filters: 6, kernelSize: 3, activation: 'relu' }),
        L.maxPooling2d({ poolSize: 2 }),
        L.dropout({ rate: 0.25 }),
        L.flatten(),
        L.dense({ units: 10, activation: 'sigmoid' }),
        L.dense({ units: 4, activation: 'softmax', useBias: false }),
      ],
    }),

  'a residual network with norms': () => {
    const input = tf.input({ shape: [8, 8, 3], name: 'image' });
    const stem = apply(L.conv2d({ filters: 8, kernelSize: 3, padding: 'same', useBias: false }), input);
    const a = apply(L.reLU(), apply(L.batchNormalization({ epsilon: 0.01 }), stem));
    const b = apply(L.conv2d({ filters: 8, kernelSize: 3, padding: 'same' }), a);
    const c = apply(L.batchNormalization({ scale: false }), b);
    const d = apply(L.batchNormalization({ center: false }), apply(L.conv2d({ filters: 8, kernelSize: 1 }), a));
    const sum = apply(L.add(), [c, d, a]);
    const pooled = apply(L.globalAveragePooling2d({}), apply(L.activation({ activation: 'relu6' }), sum));
    return model(input, apply(L.dense({ units: 5, activation: 'softmax' }), pooled));
  },

  'concatenation and both pools': () => {
    const input = tf.input({ shape: [11, 7, 2] });
    const a = apply(L.conv2d({ filters: 4, kernelSize: [3, 2], strides: [2, 1], padding: 'same' }), input);
    const b = apply(L.conv2d({ filters: 6, kernelSize: 1, strides: [2, 1] }), input);
    const joined = apply(L.concatenate({ axis: -1 }), [apply(L.leakyReLU({ alpha: 0.2 }), a), b]);
    const max = apply(L.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }), joined);
    const mean = apply(L.averagePooling2d({ poolSize: [2, 3], strides: 2, padding: 'same' }), joined);
    const both = apply(L.concatenate({ axis: 3 }), [max, mean]);
    return model(input, apply(L.dense({ units: 3 }), apply(L.globalMaxPooling2d({}), both)));
  },

  'depthwise convolutions and padding': () => {
    const input = tf.input({ shape: [7, 9, 3] });
    const padded = apply(
      L.zeroPadding2d({
        padding: [
          [0, 1],
          [2, 1],
        ],
      }),
      input,
    );
    const a = apply(L.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2, padding: 'same' }), padded);
    const b = apply(L.conv2d({ filters: 8, kernelSize: 1, activation: 'relu' }), a);
    const c = apply(L.depthwiseConv2d({ kernelSize: [3, 2], useBias: false, activation: 'tanh' }), b);
    const d = apply(L.conv2d({ filters: 4, kernelSize: 3, dilationRate: 2, padding: 'same' }), c);
    return model(input, apply(L.flatten(), apply(L.reLU({ maxValue: 2 }), d)));
  },

  'a shared layer': () => {
    const [left, right] = [tf.input({ shape: [6, 6, 2], name: 'left' }), tf.input({ shape: [6, 6, 2], name: 'right' })];
    const tower = L.conv2d({ filters: 6, kernelSize: 3, activation: 'relu', name: 'tower' });
    const head = L.dense({ units: 3, name: 'head' });
    const [a, b] = [apply(tower, left), apply(tower, right)];
    const pooled = [a, b].map((t) => apply(L.globalAveragePooling2d({}), t));
    return model([left, right], [apply(head, pooled[0]), apply(head, pooled[1]), apply(L.add(), pooled)]);
  },

  'dense layers on every rank, reshape, permute': () => {
    const input = tf.input({ shape: [4, 6, 3] });
    const a = apply(L.conv2d({ filters: 8, kernelSize: 1 }), input);
    const b = apply(L.dense({ units: 5, activation: 'relu' }), a);
    const c = apply(L.permute({ dims: [3, 1, 2] }), b);
    const d = apply(L.reshape({ targetShape: [-1, 24] }), c);
    const g = apply(L.flatten(), apply(L.reshape({ targetShape: [6, 4, 5] }), b));
    const e = apply(L.batchNormalization(), apply(L.dense({ units: 4 }), d));
    const f = apply(L.softmax({ axis: -1 }), e);
    return model(input, [f, apply(L.dense({ units: 2 }), g)]);
  },

  'channels first': () => {
    const input = tf.input({ shape: [3, 8, 6] });
    const format = { dataFormat: 'channelsFirst' as const };
    const a = apply(L.conv2d({ filters: 6, kernelSize: 3, padding: 'same', useBias: false, ...format }), input);
    const b = apply(L.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, ...format }), a);
    const c = apply(L.maxPooling2d({ poolSize: 2, ...format }), b);
    const d = apply(L.concatenate({ axis: 1 }), [c, apply(L.reLU(), c)]);
    return model(input, [apply(L.globalAveragePooling2d(format), d), apply(L.flatten(format), d)]);
  },

  'nested models': () => {
    const trunkIn = tf.input({ shape: [8, 8, 4] });
    const trunkOut = apply(L.conv2d({ filters: 6, kernelSize: 3, activation: 'relu', name: 'trunk_conv' }), trunkIn);
    const trunk = tf.model({ inputs: trunkIn, outputs: trunkOut, name: 'trunk' });
    const head = tf.sequential({
      name: 'head',
      layers: [
        L.globalAveragePooling2d({ inputShape: [6, 6, 6] }),
        L.dense({ units: 7, activation: 'relu', name: 'head_dense' }),
        L.dense({ units: 3, activation: 'softmax', name: 'head_out' }),
      ],
    });
    const input = tf.input({ shape: [8, 8, 2] });
    const stem = apply(L.conv2d({ filters: 4, kernelSize: 1, name: 'stem' }), input);
    return model(input, apply(head as unknown as tf.layers.Layer, apply(trunk as unknown as tf.layers.Layer, stem)));
  },
};
