import { tf } from '../support/tfjs.js';

const L = tf.layers;
type Tensor = tf.SymbolicTensor;

/** What the layers give, applied one after another. */
function chain(x: Tensor, ...layers: tf.layers.Layer[]): Tensor {
  return layers.reduce((t, layer) => layer.apply(t) as Tensor, x);
}

function merge(layer: tf.layers.Layer, ...inputs: Tensor[]): Tensor {
  return layer.apply(inputs) as Tensor;
}

const conv = (filters: number, kernelSize = 3) => L.conv2d({ filters, kernelSize, padding: 'same' });
const activation = (name: string) => L.activation({ activation: name as 'relu' });

/** Squeeze and excite: a gate for each channel, from the channel's mean. */
function gated(x: Tensor, asConvolution: boolean): Tensor {
  const channels = x.shape[3]!;
  const pooled = chain(x, L.globalAveragePooling2d({}), L.reshape({ targetShape: [1, 1, channels] }));
  const layers = asConvolution
    ? [conv(4, 1), L.reLU(), conv(channels, 1), activation('sigmoid')]
    : [L.dense({ units: 4, activation: 'relu' }), L.dense({ units: channels, activation: 'sigmoid' })];
  return merge(L.multiply(), x, chain(pooled, ...layers));
}

/** Models of stock tfjs-layers for the layers beyond those of `STOCK_MODELS`. */
export const STOCK_LAYERS: Readonly<Record<string, () => tf.LayersModel>> = {
  'one-dimensional convolutions and pools': () => {
    const input = tf.input({ shape: [17, 3] });
    const a = chain(
      input,
      L.conv1d({ filters: 6, kernelSize: 3, padding: 'same', activation: 'relu' }),
      L.conv1d({ filters: 8, kernelSize: 3, dilationRate: 2 }),
      L.batchNormalization(),
      L.maxPooling1d({ poolSize: 3, strides: 2, padding: 'same' }),
      L.averagePooling1d({ poolSize: 2 }),
    );
    const pools = [L.globalAveragePooling1d(), L.globalMaxPooling1d()].map((layer) => chain(a, layer));
    return tf.model({ inputs: input, outputs: chain(merge(L.concatenate(), ...pools), L.dense({ units: 3 })) });
  },

  'three-dimensional convolutions and pools': () => {
    const input = tf.input({ shape: [6, 5, 7, 2] });
    const a = chain(
      input,
      L.conv3d({ filters: 5, kernelSize: [2, 3, 3], padding: 'same', activation: 'relu' }),
      L.maxPooling3d({ poolSize: 2, padding: 'same' }),
      L.conv3d({ filters: 4, kernelSize: 2, strides: [1, 2, 1] }),
      L.averagePooling3d({ poolSize: [1, 1, 2], strides: 1 }),
      L.flatten(),
      L.dense({ units: 2 }),
    );
    return tf.model({ inputs: input, outputs: a });
  },

  'separable convolutions': () => {
    const input = tf.input({ shape: [9, 8, 3] });
    const a = chain(
      input,
      L.separableConv2d({ filters: 6, kernelSize: 3, padding: 'same', activation: 'relu' }),
      L.separableConv2d({ filters: 8, kernelSize: [3, 2], strides: 2, useBias: false }),
      L.separableConv2d({ filters: 4, kernelSize: 2, dilationRate: 2, padding: 'same' }),
      L.globalAveragePooling2d({}),
    );
    return tf.model({ inputs: input, outputs: a });
  },

  'sums, products, means and extremes': () => {
    const input = tf.input({ shape: [6, 5, 2] });
    const [a, b, c] = [conv(6), conv(6), conv(6)].map((layer) => chain(input, layer));
    const d = merge(L.multiply(), a, b);
    const e = merge(L.average(), a, d, c);
    const f = merge(L.maximum(), chain(e, conv(5)), chain(b, conv(5)));
    const g = merge(L.minimum(), f, chain(e, conv(5)), chain(c, conv(5)));
    return tf.model({ inputs: input, outputs: chain(g, L.globalAveragePooling2d({}), L.dense({ units: 3 })) });
  },

  'sums of tensors of different ranks': () => {
    const input = tf.input({ shape: [6, 5, 2] });
    const a = chain(input, conv(6));
    const vector = chain(a, L.globalMaxPooling2d({}), L.dense({ units: 6 }));
    const b = merge(L.add(), a, vector);
    const line = chain(input, L.reshape({ targetShape: [6, 10] }), L.dense({ units: 4 }));
    const c = merge(L.multiply(), chain(a, L.dense({ units: 4 })), chain(vector, L.dense({ units: 4 })));
    const d = merge(L.maximum(), line, chain(vector, L.dense({ units: 4 })));
    return tf.model({
      inputs: input,
      outputs: [chain(b, conv(3)), chain(c, conv(2)), chain(d, L.dense({ units: 2 }))],
    });
  },

  'squeeze and excite': () => {
    const input = tf.input({ shape: [8, 8, 3] });
    const a = gated(chain(input, conv(8), L.batchNormalization(), activation('swish')), false);
    const b = gated(chain(a, conv(6), L.reLU()), true);
    return tf.model({ inputs: input, outputs: chain(b, L.flatten(), L.dense({ units: 3 })) });
  },

  'every activation': () => {
    const input = tf.input({ shape: [5, 4, 2] });
    const names = [
      'elu',
      'selu',
      'gelu',
      'hardSigmoid',
      'softplus',
      'softsign',
      'mish',
      'swish',
      'logSoftmax',
      'relu6',
    ];
    const maps = names.map((name) => chain(input, conv(4), activation(name)));
    const layers = [L.elu({}), L.leakyReLU({}), L.reLU({ maxValue: 1 })];
    const more = layers.map((layer) => chain(input, conv(4), layer));
    return tf.model({ inputs: input, outputs: chain(merge(L.concatenate(), ...maps, ...more), conv(3, 1)) });
  },

  'leaky activations with slopes of their own': () => {
    const input = tf.input({ shape: [5, 4, 2] });
    const a = chain(input, conv(6), L.prelu({ sharedAxes: [1, 2] }), conv(5), L.prelu({ sharedAxes: [1] }));
    const b = chain(a, conv(4), L.prelu({}));
    const c = chain(b, L.flatten(), L.dense({ units: 7 }), L.prelu({}), L.dense({ units: 2 }));
    return tf.model({ inputs: input, outputs: [c, chain(a, conv(4), L.prelu({ sharedAxes: [1, 2, 3] }), conv(2))] });
  },

  'padding and cropping': () => {
    const input = tf.input({ shape: [9, 8, 2] });
    const cropped = L.cropping2D({
      cropping: [
        [1, 2],
        [0, 3],
      ],
    });
    const a = chain(input, conv(6), L.zeroPadding2d({ padding: [2, 1] }), L.reLU(), cropped, conv(3));
    return tf.model({ inputs: input, outputs: a });
  },

  'transposed convolutions': () => {
    const input = tf.input({ shape: [4, 5, 3] });
    const a = chain(
      input,
      L.conv2dTranspose({ filters: 6, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' }),
      L.conv2dTranspose({ filters: 5, kernelSize: [4, 3], strides: [2, 1], useBias: false }),
      L.conv2dTranspose({ filters: 4, kernelSize: 2, strides: [3, 2], padding: 'same' }),
      L.conv2dTranspose({ filters: 3, kernelSize: 1, strides: 2 }),
    );
    return tf.model({ inputs: input, outputs: a });
  },

  'transposed convolutions in three dimensions': () => {
    const input = tf.input({ shape: [3, 4, 2, 2] });
    const layer = L.conv3dTranspose({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' });
    return tf.model({ inputs: input, outputs: chain(input, layer, L.conv3d({ filters: 2, kernelSize: 1 })) });
  },

  'enlarging, nearest and bilinear': () => {
    const input = tf.input({ shape: [4, 5, 3] });
    const a = chain(input, conv(6), L.upSampling2d({ size: [2, 3] }), L.reLU(), conv(4));
    const b = chain(a, L.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }), conv(2));
    return tf.model({ inputs: input, outputs: b });
  },

  'layer norms': () => {
    const input = tf.input({ shape: [6, 4, 3] });
    const a = chain(
      input,
      conv(6),
      L.layerNormalization({ axis: -1 }),
      conv(5),
      L.layerNormalization({ axis: [1, 2, 3] }),
    );
    const b = chain(
      a,
      conv(4),
      L.layerNormalization({ axis: [2, 3], scale: false }),
      L.flatten(),
      L.dense({ units: 6 }),
    );
    const c = chain(b, L.layerNormalization({ center: false, epsilon: 0.01 }), L.dense({ units: 3 }));
    return tf.model({ inputs: input, outputs: c });
  },

  'layer norms over inner axes, and axes out of order': () => {
    const input = tf.input({ shape: [6, 4, 3] });
    const a = chain(input, conv(6), L.layerNormalization({ axis: [1, 2] }), conv(5), L.layerNormalization({ axis: 1 }));
    const b = chain(
      a,
      conv(7),
      L.layerNormalization({ axis: [3, 1] }),
      conv(4),
      L.layerNormalization({ axis: [-1, 2] }),
    );
    const c = chain(
      b,
      L.dense({ units: 5 }),
      L.layerNormalization({ axis: [2, 1], center: false }),
      L.dense({ units: 3 }),
    );
    return tf.model({ inputs: input, outputs: c });
  },

  'what is below a threshold left out': () => {
    const input = tf.input({ shape: [6, 4, 3] });
    const layers = [conv(5), L.thresholdedReLU({ theta: 0.3 }), conv(4), L.thresholdedReLU({ theta: 0 }), conv(2)];
    return tf.model({ inputs: input, outputs: chain(input, ...layers) });
  },

  'a vector repeated': () => {
    const input = tf.input({ shape: [7] });
    const a = chain(input, L.dense({ units: 6 }), L.repeatVector({ n: 5 }), L.conv1d({ filters: 4, kernelSize: 2 }));
    return tf.model({ inputs: input, outputs: chain(a, L.flatten(), L.dense({ units: 2 })) });
  },

  'rescaled images': () => {
    const input = tf.input({ shape: [6, 4, 3] });
    const a = chain(input, L.rescaling({ scale: 1 / 127.5, offset: -1 }), conv(5), L.rescaling({ scale: 2 }), conv(2));
    return tf.model({ inputs: input, outputs: a });
  },

  'a nested model that two inputs share': () => {
    const trunkIn = tf.input({ shape: [8, 8, 4] });
    const skip = chain(trunkIn, conv(6), L.reLU());
    const trunk = tf.model({ inputs: trunkIn, outputs: [chain(skip, conv(5)), skip], name: 'trunk' });
    const apply = (x: Tensor) => (trunk as unknown as tf.layers.Layer).apply(x) as Tensor[];
    const [left, right] = [tf.input({ shape: [8, 8, 2], name: 'left' }), tf.input({ shape: [8, 8, 3], name: 'right' })];
    const stem = L.conv2d({ filters: 4, kernelSize: 1, name: 'stem' });
    const [a, skipA] = apply(chain(left, stem));
    const [b, skipB] = apply(chain(right, conv(4)));
    const sum = merge(L.add(), a, b);
    const joined = merge(L.concatenate(), skipA, skipB, sum);
    const head = L.dense({ units: 3, activation: 'softmax', name: 'head' });
    const outputs = [joined, sum].map((t) => chain(t, conv(4), L.globalAveragePooling2d({}), head));
    return tf.model({ inputs: [left, right], outputs });
  },
};
