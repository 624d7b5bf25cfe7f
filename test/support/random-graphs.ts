import type { Graph } from '../../src/graph/graph.js';
import { scalar } from '../../src/graph/tensor.js';
import { GraphSketch } from './graph-sketch.js';

/**
 * A random small network from a seed: convolutions (grouped, depthwise with multipliers, dilated, strided) and their
 * transposes, resizes, batch norm,
 * activations, pools, pads, sums and products with broadcasts, concats, transposes, reshapes that shuffle channels,
 * slices, repeats, embeddings, reductions, softmax in the middle, dropout, shared layers, dense heads after each kind of flatten, several inputs and outputs.
 */
export function randomGraph(seed: number): Graph {
  return new RandomNetwork(seed).grow();
}

type Step = (x: string) => string;

class RandomNetwork {
  readonly #sketch: GraphSketch;
  readonly #extent: number;
  /** Feature maps `[N, C, H, W]` that later layers may read. */
  readonly #maps: string[] = [];
  /** Layers that can be applied again, with the channels that they take. */
  readonly #shared: { layer: string; channels: number }[] = [];
  #layers = 0;

  constructor(seed: number) {
    this.#sketch = new GraphSketch(`random${seed}`, seed);
    this.#extent = this.#int(4, 7);
  }

  grow(): Graph {
    const inputs = this.#int(1, 2);
    for (let i = 0; i < inputs; i++) {
      const x = this.#sketch.input(`x${i}`, this.#int(1, 3), this.#extent, this.#extent);
      this.#maps.push(this.#random() < 0.15 ? this.#embedding(x) : this.#conv(x));
    }
    const steps: Step[] = [
      (x) => this.#conv(x),
      (x) => this.#conv(x),
      (x) => this.#depthwise(x),
      (x) => this.#grouped(x),
      (x) => this.#transposed(x),
      (x) => this.#resize(x),
      (x) => this.#crop(x),
      (x) => this.#split(x),
      (x) => this.#attention(x),
      (x) => this.#sketch.op('Tile', [x], { repeats: [1, this.#int(1, 2), 1, 1] }),
      (x) => this.#sketch.batchNorm(this.#layer('bn'), x),
      (x) => this.#sampleNorm(x),
      (x) => this.#activation(x),
      (x) => this.#slopes(x),
      (x) => this.#pool(x),
      (x) => this.#pad(x),
      (x) => this.#sum(x),
      (x) => this.#sum(x),
      (x) => this.#withConstant(x),
      (x) => this.#concat(x),
      (x) => this.#shuffle(x),
      (x) => this.#gate(x),
      (x) => this.#sharedLayer(x),
      (x) => this.#sketch.op('Softmax', [x], { axis: 1 }),
      (x) => this.#sketch.op('Dropout', [x], { ratio: 0.3 }),
    ];
    const count = this.#int(4, 14);
    for (let i = 0; i < count; i++) {
      // Mostly the newest map, so that networks get deep.
      const x = this.#random() < 0.7 ? this.#maps[this.#maps.length - 1] : this.#pick(this.#maps);
      this.#maps.push(this.#pick(steps)(x));
    }
    const outputs = [this.#head(this.#maps[this.#maps.length - 1])];
    if (this.#random() < 0.3) outputs.push(this.#head(this.#pick(this.#maps)));
    if (this.#random() < 0.15) outputs.push(this.#pick(this.#maps));
    return this.#sketch.build(...new Set(outputs));
  }

  #random(): number {
    return this.#sketch.random();
  }

  #int(from: number, to: number): number {
    return from + Math.floor(this.#random() * (to - from + 1));
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)];
  }

  #layer(kind: string): string {
    return `${kind}${this.#layers++}`;
  }

  #channels(x: string): number {
    return this.#sketch.shape(x)[1];
  }

  #conv(x: string, filters = this.#int(2, 8)): string {
    const layer = this.#layer('conv');
    const options = this.#pick([
      { kernel: 1 },
      { kernel: 3 },
      { kernel: 3, dilation: 2, pad: 2 },
      { kernel: 3, bias: false },
      { kernel: 3, stride: 2 },
    ]);
    if (options.kernel === 3 && !options.stride && !options.dilation && options.bias !== false) {
      this.#shared.push({ layer, channels: this.#channels(x) });
    }
    return this.#sketch.conv(layer, x, filters, options);
  }

  #depthwise(x: string): string {
    const channels = this.#channels(x);
    return this.#sketch.conv(this.#layer('dw'), x, channels * this.#int(1, 3), { group: channels });
  }

  #grouped(x: string): string {
    const group = [2, 3, 4].find((g) => this.#channels(x) % g === 0);
    if (!group) return this.#conv(x);
    return this.#sketch.conv(this.#layer('group'), x, group * this.#int(1, 4), { group });
  }

  /** Plain, grouped or depthwise; once the planes are halved, back to twice their size. */
  #transposed(x: string): string {
    const [, channels, height] = this.#sketch.shape(x);
    const group = this.#pick([1, 1, 2, 3, channels].filter((g) => channels % g === 0));
    const stride = height < this.#extent ? 2 : 1;
    const perGroup = this.#int(1, Math.max(1, Math.floor(6 / group)));
    return this.#sketch.convTranspose(this.#layer('up'), x, group * perGroup, { group, stride });
  }

  /** Layer norm of the whole sample or (as channels-last networks have it) of the channels; group and instance norm. */
  #sampleNorm(x: string): string {
    const layer = this.#layer('norm');
    const num_groups = this.#pick([1, 2, 3, 4, this.#channels(x)].filter((g) => this.#channels(x) % g === 0));
    // Not too small, or a run of nearly equal numbers magnifies the order in which they are summed; a power of 2, or
    // float32, as which the masked graph holds it, rounds it.
    const epsilon = 0.125;
    return this.#pick([
      () => this.#sketch.sampleNorm('LayerNormalization', layer, x, { axis: 1, epsilon }),
      () => {
        const rows = this.#sketch.op('Transpose', [x], { perm: [0, 2, 3, 1] });
        const normal = this.#sketch.sampleNorm('LayerNormalization', layer, rows, { axis: 3, epsilon });
        return this.#sketch.op('Transpose', [normal], { perm: [0, 3, 1, 2] });
      },
      () => this.#sketch.sampleNorm('GroupNormalization', layer, x, { num_groups, epsilon }),
      () => this.#sketch.sampleNorm('InstanceNormalization', layer, x, { epsilon }),
    ])();
  }

  /** To twice the size while planes are small, else to about the half. */
  #resize(x: string): string {
    const scale = this.#sketch.shape(x)[2] < this.#extent ? 2 : 0.6;
    const mode = this.#pick(['nearest', 'linear']);
    const coordinate_transformation_mode = this.#pick(['asymmetric', 'half_pixel', 'align_corners']);
    const attrs = { scales: [1, 1, scale, scale], mode, coordinate_transformation_mode, nearest_mode: 'floor' };
    return this.#sketch.op('Resize', [x], attrs);
  }

  /** The first channel of an input, scaled and cut to whole numbers, looked up in a table. */
  #embedding(x: string): string {
    const [, , height, width] = this.#sketch.shape(x);
    const scale = this.#sketch.builder.constant(this.#layer('scale'), scalar('float32', 3), 'literal');
    const plane = this.#sketch.op('Slice', [x], { axes: [1], starts: [0], ends: [1] });
    const whole = this.#sketch.op('Cast', [this.#sketch.op('Mul', [plane, scale])], { to: 'int32' });
    const ids = this.#sketch.op('Reshape', [whole], { shape: [0, height, width] });
    const vectors = this.#sketch.embedding(this.#layer('embedding'), ids, 5, this.#int(2, 6));
    return this.#sketch.op('Transpose', [vectors], { perm: [0, 3, 1, 2] });
  }

  #reduction(): string {
    return this.#pick(['ReduceMean', 'ReduceSum', 'ReduceMax']);
  }

  /** What is reduced over the channels (or over all) gates them, or goes on by itself. */
  #attention(x: string): string {
    const squeezed = this.#sketch.op(this.#reduction(), [x], { axes: this.#pick([[1], [-3], [1, 2, 3]]), keepdims: 1 });
    const gate = this.#sketch.op('Sigmoid', [squeezed]);
    return this.#pick([
      () => this.#sketch.op('Mul', [x, gate]),
      () => this.#sketch.op('Sub', [x, squeezed]),
      () => this.#sketch.op('Mul', [x, this.#sketch.op('Expand', [gate], { shape: [this.#channels(x), 1, 1] })]),
    ])();
  }

  #crop(x: string): string {
    const [, , height, width] = this.#sketch.shape(x);
    if (Math.min(height, width) < 3) return this.#pad(x);
    return this.#sketch.op('Slice', [x], { axes: [2, 3], starts: [1, 0], ends: [height, -1] });
  }

  /** Channels cut in two: swapped, added, turned round, or only one part. Both parts may be read together with all. */
  #split(x: string): string {
    const channels = this.#channels(x);
    if (channels < 2) return this.#conv(x);
    const at = this.#random() < 0.5 ? Math.floor(channels / 2) : this.#int(1, channels - 1);
    const [first, second] = [
      [0, at],
      [at, channels],
    ].map(([start, end]) => this.#sketch.op('Slice', [x], { axes: [1], starts: [start], ends: [end] }));
    const backwards = { axes: [1], starts: [-1], ends: [-100], steps: [-1] };
    return this.#pick([
      () => this.#sketch.op('Concat', [second, first], { axis: 1 }),
      () => this.#sketch.op('Concat', [first, x], { axis: 1 }),
      () => this.#sketch.op('Add', at * 2 === channels ? [first, second] : [first, this.#partner(first)]),
      () => this.#sketch.op('Slice', [x], backwards),
      () => second,
    ])();
  }

  #activation(x: string): string {
    const [op, attrs] = this.#pick([
      ['Relu', {}],
      ['LeakyRelu', { alpha: 0.1 }],
      ['Sigmoid', {}],
      ['Tanh', {}],
      ['Clip', { min: 0, max: 6 }],
      ['Exp', {}],
      ['Elu', { alpha: 0.5 }],
      ['Selu', {}],
      ['Gelu', {}],
      ['Gelu', { approximate: 'tanh' }],
      ['HardSigmoid', {}],
      ['HardSwish', {}],
      ['Softplus', {}],
      ['Softsign', {}],
      ['Mish', {}],
      ['Erf', {}],
      ['bell', {}],
    ] as const);
    return op === 'bell' ? this.#bell(x) : this.#sketch.op(op, [x], attrs);
  }

  /** 1/(1 + x²). */
  #bell(x: string): string {
    const squared = this.#sketch.op('Pow', [x], { exponent: 2 });
    const one = this.#sketch.builder.constant(this.#layer('one'), scalar('float32', 1), 'literal');
    return this.#sketch.op('Reciprocal', [this.#sketch.op('Add', [squared, one])]);
  }

  /** A PRelu with one slope, one a channel, or one an element. */
  #slopes(x: string): string {
    const [, channels, height, width] = this.#sketch.shape(x);
    const shape = this.#pick([[1], [channels, 1, 1], [1, height, width], [channels, height, width]]);
    const layer = this.#layer('prelu');
    return this.#sketch.op('PRelu', [x, this.#sketch.literal(`${layer}.slope`, ...shape)], {}, layer);
  }

  #pool(x: string): string {
    const attrs = { kernel_shape: [2, 2], strides: [1, 1], pads: [0, 0, 1, 1] };
    return this.#sketch.op(this.#pick(['MaxPool', 'AveragePool']), [x], attrs);
  }

  #pad(x: string): string {
    const channels = this.#random() < 0.3 ? this.#int(0, 2) : 0;
    const pads = [0, channels, 1, 0, 0, 0, 0, 1];
    return this.#sketch.op('Pad', [x], { pads, value: this.#pick([0, 0.5]) });
  }

  /** Another map of the same shape, or one made to fit. */
  #partner(x: string): string {
    const shape = this.#sketch.shape(x).join();
    const fitting = this.#maps.filter((map) => map !== x && this.#sketch.shape(map).join() === shape);
    if (fitting.length > 0 && this.#random() < 0.7) return this.#pick(fitting);
    return this.#sketch.conv(this.#layer('proj'), x, this.#channels(x), { kernel: 1 });
  }

  #sum(x: string): string {
    return this.#sketch.op(this.#pick(['Add', 'Add', 'Sub', 'Mul', 'Min', 'Max']), [x, this.#partner(x)]);
  }

  #withConstant(x: string): string {
    const channels = this.#channels(x);
    const shape = this.#pick([[channels, 1, 1], [1, channels, 1, 1], [1, 1, 1], []]);
    return this.#sketch.op(this.#pick(['Add', 'Mul']), [x, this.#sketch.literal(this.#layer('literal'), ...shape)]);
  }

  #concat(x: string): string {
    const [, , height, width] = this.#sketch.shape(x);
    const fitting = this.#maps.filter((map) => {
      const [, , h, w] = this.#sketch.shape(map);
      return h === height && w === width;
    });
    const parts = Array.from({ length: this.#int(1, 2) }, () => this.#pick([...fitting, x]));
    return this.#sketch.op('Concat', [x, ...parts], { axis: 1 });
  }

  /** Shuffles channels as ShuffleNet does: `[C]` to `[G, K]`, transposed, and back. */
  #shuffle(x: string): string {
    const [, channels, height, width] = this.#sketch.shape(x);
    const groups = [2, 3].find((g) => channels % g === 0);
    if (!groups) return this.#activation(x);
    const split = this.#sketch.op('Reshape', [x], { shape: [0, groups, channels / groups, height, width] });
    const swapped = this.#sketch.op('Transpose', [split], { perm: [0, 2, 1, 3, 4] });
    return this.#sketch.op('Reshape', [swapped], { shape: [0, channels, height, width] });
  }

  #gate(x: string): string {
    const squeezed = this.#sketch.op('GlobalAveragePool', [x]);
    const hidden = this.#sketch.conv(this.#layer('squeeze'), squeezed, this.#int(2, 4), { kernel: 1 });
    const gate = this.#sketch.conv(
      this.#layer('excite'),
      this.#sketch.relu(hidden),
      this.#pick([1, this.#channels(x)]),
      {
        kernel: 1,
      },
    );
    return this.#sketch.op('Mul', [x, this.#sketch.op('Sigmoid', [gate])]);
  }

  #sharedLayer(x: string): string {
    const fitting = this.#shared.filter(({ channels }) => channels === this.#channels(x));
    return fitting.length > 0 ? this.#sketch.again(this.#pick(fitting).layer, x) : this.#conv(x);
  }

  #head(x: string): string {
    const flat = this.#pick([
      () => this.#sketch.flatten(x),
      () => this.#sketch.flattenChannelsLast(x),
      () => this.#sketch.globalPool(x),
      () => this.#sketch.flatten(this.#sketch.op('GlobalMaxPool', [x])),
      () => this.#sketch.op(this.#reduction(), [x], { axes: [2, 3], keepdims: 0 }),
      () => this.#sketch.op(this.#reduction(), [x], { axes: [1, 3], keepdims: 0 }),
      () => this.#sketch.op('Reshape', [x], { shape: [0, -1] }),
    ])();
    let features = flat;
    if (this.#random() < 0.3) features = this.#sketch.batchNorm(this.#layer('bn'), features);
    if (this.#random() < 0.6)
      features = this.#sketch.relu(this.#sketch.dense(this.#layer('hidden'), features, this.#int(2, 9)));
    const logits = this.#sketch.dense(this.#layer('logits'), features, this.#int(2, 5));
    return this.#random() < 0.5 ? this.#sketch.op('Softmax', [logits], { axis: 1 }) : logits;
  }
}
