import { seededRandom } from './seeded-random.js';
import { randomizeWeights, tf } from './tfjs.js';

const L = tf.layers;
type Tensor = tf.SymbolicTensor;

/**
 * A random network of stock tfjs-layers, as people make them in Keras: a stem, blocks of one of several kinds, and heads
 * for classes, maps or both. Weights are random and none of them zero. Equal seeds give equal models.
 */
export function randomModel(seed: number): tf.LayersModel {
  const random = seededRandom(seed);
  const model = new ModelMaker(random).make();
  randomizeWeights(model, random);
  return model;
}

class ModelMaker {
  readonly #random: () => number;
  readonly #blocks: readonly ((x: Tensor) => Tensor)[];
  /** Convolutions that keep their input's channels, and can be applied again. */
  readonly #shared = new Map<number, tf.layers.Layer>();

  constructor(random: () => number) {
    this.#random = random;
    this.#blocks = [
      (x) => this.#plain(x),
      (x) => this.#residual(x),
      (x) => this.#dense(x),
      (x) => this.#inception(x),
      (x) => this.#mobile(x),
      (x) => this.#unet(x),
      (x) => this.#gate(x),
      (x) => this.#applyShared(x),
      (x) => this.#nested(x),
    ];
  }

  make(): tf.LayersModel {
    const inputs = Array.from({ length: this.#chance(0.2) ? 2 : 1 }, () =>
      tf.input({ shape: [2 * this.#int(3, 5), 2 * this.#int(3, 5), this.#int(1, 3)] }),
    );
    const features = inputs.map((x) => this.#trunk(this.#convolve(x, this.#int(2, 8))));
    const outputs = features.flatMap((x) => (this.#chance(0.25) ? [this.#map(x)] : []));
    outputs.push(this.#classes(features));
    if (this.#chance(0.2)) outputs.push(this.#classes(features));
    return tf.model({ inputs, outputs });
  }

  #int(from: number, to: number): number {
    return from + Math.floor(this.#random() * (to - from + 1));
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#int(0, list.length - 1)];
  }

  #chain(x: Tensor, ...layers: tf.layers.Layer[]): Tensor {
    return layers.reduce((t, layer) => layer.apply(t) as Tensor, x);
  }

  #merge(layer: tf.layers.Layer, ...inputs: Tensor[]): Tensor {
    return layer.apply(inputs) as Tensor;
  }

  #channels(x: Tensor): number {
    return x.shape[3]!;
  }

  #trunk(x: Tensor): Tensor {
    let t = x;
    for (let i = this.#int(1, 4); i > 0; i--) t = this.#pick(this.#blocks)(t);
    return t;
  }

  #conv(filters: number, kernelSize = this.#pick([1, 3]), strides = 1): tf.layers.Layer {
    return L.conv2d({ filters, kernelSize, strides, padding: 'same', useBias: this.#chance(0.6) });
  }

  #convolve(x: Tensor, filters: number): Tensor {
    return this.#activate(this.#norm(this.#chain(x, this.#conv(filters))));
  }

  #norm(x: Tensor): Tensor {
    const kind = this.#random();
    if (kind < 0.4) return this.#chain(x, L.batchNormalization({ scale: this.#chance(0.8) }));
    return kind < 0.5 ? this.#chain(x, L.layerNormalization({ axis: -1 })) : x;
  }

  #activate(x: Tensor): Tensor {
    const named = [
      'relu',
      'relu6',
      'elu',
      'selu',
      'gelu',
      'swish',
      'mish',
      'hardSigmoid',
      'softplus',
      'softsign',
      'tanh',
    ];
    if (this.#chance(0.4)) return this.#chain(x, L.activation({ activation: this.#pick(named) as 'relu' }));
    return this.#chain(
      x,
      this.#pick([
        () => L.reLU(),
        () => L.leakyReLU({ alpha: 0.1 }),
        () => L.prelu({ sharedAxes: [1, 2] }),
        () => L.elu(),
        () => L.thresholdedReLU({ theta: 0.05 }),
      ])(),
    );
  }

  #plain(x: Tensor): Tensor {
    const t = this.#convolve(x, this.#int(3, 9));
    const extra = this.#pick([
      () => L.dropout({ rate: 0.3 }),
      () => L.zeroPadding2d({ padding: [1, 0] }),
      () =>
        L.cropping2D({
          cropping: [
            [0, 1],
            [1, 0],
          ],
        }),
      () => L.maxPooling2d({ poolSize: 2, strides: 1, padding: 'same' }),
      () => L.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' }),
    ]);
    return Math.min(t.shape[1]!, t.shape[2]!) > 3 ? this.#chain(t, extra()) : t;
  }

  #residual(x: Tensor): Tensor {
    const width = this.#chance(0.5) ? this.#channels(x) : this.#int(3, 8);
    const strides = this.#pick([1, 1, 2]);
    const a = this.#activate(this.#norm(this.#chain(x, this.#conv(this.#int(3, 8), 3, strides))));
    const b = this.#norm(this.#chain(a, this.#conv(width, 3)));
    const same = width === this.#channels(x) && strides === 1;
    const skip = same ? x : this.#norm(this.#chain(x, this.#conv(width, 1, strides)));
    const merge = this.#pick([() => L.add(), () => L.add(), () => L.average(), () => L.maximum(), () => L.minimum()]);
    return this.#activate(this.#merge(merge(), b, skip));
  }

  #dense(x: Tensor): Tensor {
    let t = x;
    for (let i = this.#int(1, 3); i > 0; i--) {
      t = this.#merge(L.concatenate(), t, this.#convolve(this.#activate(this.#norm(t)), this.#int(2, 4)));
    }
    return t;
  }

  #inception(x: Tensor): Tensor {
    const branches = [
      this.#convolve(x, this.#int(2, 5)),
      this.#chain(this.#convolve(x, this.#int(2, 4)), this.#conv(this.#int(2, 4), 3)),
      this.#chain(x, L.averagePooling2d({ poolSize: 3, strides: 1, padding: 'same' }), this.#conv(this.#int(2, 4), 1)),
    ];
    return this.#merge(L.concatenate({ axis: 3 }), ...branches.slice(0, this.#int(2, 3)));
  }

  /** Expanded, convolved channel by channel, projected; or the separable layer that is two of these. */
  #mobile(x: Tensor): Tensor {
    const filters = this.#channels(x);
    if (this.#chance(0.3)) {
      return this.#activate(
        this.#chain(x, L.separableConv2d({ filters: this.#int(3, 8), kernelSize: 3, padding: 'same' })),
      );
    }
    const wide = this.#activate(this.#norm(this.#chain(x, this.#conv(filters * 2, 1))));
    const depthMultiplier = this.#pick([1, 1, 2]);
    const deep = this.#chain(wide, L.depthwiseConv2d({ kernelSize: 3, padding: 'same', depthMultiplier }));
    const narrow = this.#norm(this.#chain(this.#activate(this.#norm(deep)), this.#conv(filters, 1)));
    return this.#merge(L.add(), x, narrow);
  }

  /** Down, up again, and joined with what was there. */
  #unet(x: Tensor): Tensor {
    const [height, width] = [x.shape[1]!, x.shape[2]!];
    if (height % 2 !== 0 || width % 2 !== 0) return this.#plain(x);
    const down = this.#convolve(this.#chain(x, L.maxPooling2d({ poolSize: 2 })), this.#int(3, 8));
    const filters = this.#int(3, 6);
    const up = this.#pick([
      () => [L.conv2dTranspose({ filters, kernelSize: this.#pick([2, 3]), strides: 2, padding: 'same' })],
      () => [L.upSampling2d({ size: [2, 2] })],
      () => [L.upSampling2d({ size: [2, 2], interpolation: 'bilinear' as const }), this.#conv(filters, 3)],
    ])();
    return this.#convolve(this.#merge(L.concatenate(), x, this.#chain(down, ...up)), this.#int(3, 8));
  }

  /** Squeeze and excite. */
  #gate(x: Tensor): Tensor {
    const channels = this.#channels(x);
    const squeezed = this.#chain(x, L.globalAveragePooling2d({}));
    const hidden = this.#int(2, 4);
    const sigmoid = () => L.activation({ activation: this.#pick(['sigmoid', 'hardSigmoid']) });
    const gate = this.#pick([
      () =>
        this.#chain(squeezed, L.dense({ units: hidden, activation: 'relu' }), L.dense({ units: channels }), sigmoid()),
      () =>
        this.#chain(
          squeezed,
          L.reshape({ targetShape: [1, 1, channels] }),
          this.#conv(hidden, 1),
          L.reLU(),
          this.#conv(channels, 1),
          sigmoid(),
        ),
    ])();
    return this.#merge(L.multiply(), x, gate);
  }

  /** The same weights once more, for maps of equal width. */
  #applyShared(x: Tensor): Tensor {
    const channels = this.#channels(x);
    let layer = this.#shared.get(channels);
    if (!layer) {
      layer = this.#conv(channels, 3);
      this.#shared.set(channels, layer);
    }
    return this.#activate(this.#chain(x, layer, layer));
  }

  /** A model of its own as a layer. */
  #nested(x: Tensor): Tensor {
    const input = tf.input({ shape: x.shape.slice(1) as number[] });
    const inner = tf.model({ inputs: input, outputs: this.#residual(this.#convolve(input, this.#int(3, 6))) });
    return this.#chain(x, inner as unknown as tf.layers.Layer);
  }

  #map(x: Tensor): Tensor {
    return this.#chain(x, this.#conv(this.#int(1, 3), 1), L.activation({ activation: 'sigmoid' }));
  }

  #classes(features: readonly Tensor[]): Tensor {
    const pooled = features.map((x) =>
      this.#chain(
        x,
        this.#pick([() => L.globalAveragePooling2d({}), () => L.globalMaxPooling2d({}), () => L.flatten()])(),
      ),
    );
    const joined = pooled.length === 1 ? pooled[0] : this.#merge(L.concatenate(), ...pooled);
    const hidden = this.#chance(0.5) ? [L.dense({ units: this.#int(3, 8), activation: 'relu' })] : [];
    return this.#chain(joined, ...hidden, L.dense({ units: this.#int(2, 4), activation: 'softmax' }));
  }
}
