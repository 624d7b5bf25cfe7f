import { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs, Graph } from '../../src/graph/graph.js';
import { elementCount, type RefTensor, type Tensor, tensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { seededRandom } from './seeded-random.js';

export interface ConvOptions {
  readonly kernel?: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly group?: number;
  readonly pad?: number;
  readonly bias?: boolean;
}

/** Builds small networks with seeded weights, a line a layer; layers are named as in the tests' expected units. */
export class GraphSketch {
  readonly builder: GraphBuilder;
  readonly random: () => number;

  constructor(name = 'sketch', seed = 1) {
    this.builder = new GraphBuilder(name);
    this.random = seededRandom(seed);
  }

  /** An input `[N, ...shape]`. */
  input(name: string, ...shape: number[]): string {
    return this.builder.input(name, { dtype: 'float32', shape: ['N', ...shape] });
  }

  shape(value: string): number[] {
    return this.builder.spec(value).shape.map((dim) => (typeof dim === 'number' ? dim : -1));
  }

  /** Uniform in [-scale, scale) (or [low, low + 2 scale)). */
  weights(shape: readonly number[], scale = 0.5, low = -scale): Tensor<'float32'> {
    const data = Float32Array.from({ length: elementCount(shape) }, () => low + 2 * scale * this.random());
    return tensor('float32', shape, data);
  }

  op(op: string, inputs: readonly string[], attrs: Attrs = {}, layer?: string): string {
    return this.builder.op(op, inputs, attrs, layer === undefined ? {} : { name: layer, layer });
  }

  literal(name: string, ...shape: number[]): string {
    return this.builder.constant(name, this.weights(shape), 'parameter');
  }

  conv(layer: string, x: string, filters: number, options: ConvOptions = {}): string {
    const { kernel = 3, group = 1, bias = true } = options;
    const channels = this.shape(x)[1];
    const w = this.builder.constant(
      `${layer}.weight`,
      this.weights([filters, channels / group, kernel, kernel]),
      'parameter',
    );
    const inputs = [x, w];
    if (bias) inputs.push(this.builder.constant(`${layer}.bias`, this.weights([filters]), 'parameter'));
    return this.op('Conv', inputs, convAttrs(options), layer);
  }

  /** Gives planes of `stride` times the extents. */
  convTranspose(layer: string, x: string, filters: number, { group = 1, stride = 1 } = {}): string {
    const channels = this.shape(x)[1];
    const w = this.weights([channels, filters / group, 3, 3]);
    const inputs = [x, this.builder.constant(`${layer}.weight`, w, 'parameter')];
    inputs.push(this.builder.constant(`${layer}.bias`, this.weights([filters]), 'parameter'));
    return this.op('ConvTranspose', inputs, { strides: [stride, stride], auto_pad: 'SAME_UPPER', group }, layer);
  }

  embedding(layer: string, ids: string, rows: number, channels: number): string {
    const table = this.builder.constant(`${layer}.weight`, this.weights([rows, channels]), 'parameter');
    return this.op('Gather', [table, ids], {}, layer);
  }

  /** The same weights applied again. */
  again(layer: string, x: string, options: ConvOptions = {}): string {
    return this.builder.op('Conv', [x, `${layer}.weight`, `${layer}.bias`], convAttrs(options), { layer });
  }

  dense(layer: string, x: string, units: number): string {
    const w = this.builder.constant(`${layer}.weight`, this.weights([units, this.shape(x)[1]]), 'parameter');
    const b = this.builder.constant(`${layer}.bias`, this.weights([units]), 'parameter');
    return this.op('Gemm', [x, w, b], { transB: 1 }, layer);
  }

  batchNorm(layer: string, x: string): string {
    const channels = this.shape(x)[1];
    const constants = [
      this.builder.constant(`${layer}.scale`, this.weights([channels], 0.5, 0.5), 'parameter'),
      this.builder.constant(`${layer}.shift`, this.weights([channels]), 'parameter'),
      this.builder.constant(`${layer}.mean`, this.weights([channels]), 'statistic'),
      this.builder.constant(`${layer}.variance`, this.weights([channels], 0.5, 0.5), 'statistic'),
    ];
    return this.op('BatchNormalization', [x, ...constants], {}, layer);
  }

  /** A layer norm from `axis` on, or a group or instance norm. */
  sampleNorm(op: string, layer: string, x: string, attrs: Attrs): string {
    const shape = this.shape(x);
    const extents = op === 'LayerNormalization' ? shape.slice(Number(attrs.axis)) : [shape[1]];
    const scale = this.builder.constant(`${layer}.scale`, this.weights(extents, 0.5, 0.5), 'parameter');
    const shift = this.builder.constant(`${layer}.shift`, this.weights(extents), 'parameter');
    return this.op(op, [x, scale, shift], attrs, layer);
  }

  relu(x: string): string {
    return this.op('Relu', [x]);
  }

  flatten(x: string): string {
    return this.op('Flatten', [x]);
  }

  /** Flattens as a channels-last framework does. */
  flattenChannelsLast(x: string): string {
    return this.flatten(this.op('Transpose', [x], { perm: [0, 2, 3, 1] }));
  }

  globalPool(x: string): string {
    return this.flatten(this.op('GlobalAveragePool', [x]));
  }

  build(...outputs: string[]): Graph {
    outputs.forEach((value, i) => {
      this.builder.output(i === 0 ? 'y' : `y${i}`, value);
    });
    const graph = this.builder.build();
    verify(graph);
    return graph;
  }
}

function convAttrs({ kernel = 3, stride = 1, dilation = 1, group = 1, pad = 1 }: ConvOptions): Attrs {
  return {
    strides: [stride, stride],
    dilations: [dilation, dilation],
    pads: kernel === 1 ? [0, 0, 0, 0] : [pad, pad, pad, pad],
    group,
  };
}

/** Seeded values for every input of a graph, in [-1, 1), with a batch of `batch`. */
export function randomFeeds(graph: Graph, seed: number, batch = 2): Map<string, RefTensor> {
  const random = seededRandom(seed);
  return new Map(
    graph.inputs.map((id) => {
      const shape = graph.values.get(id)!.shape.map((dim) => (typeof dim === 'number' ? dim : batch));
      const data = Float64Array.from({ length: elementCount(shape) }, () => 2 * random() - 1);
      return [id, { dtype: 'float32', shape, data }];
    }),
  );
}

/** The largest difference over all outputs, relative to each output's largest value. */
export function relativeDifference(a: ReadonlyMap<string, RefTensor>, b: ReadonlyMap<string, RefTensor>): number {
  let worst = 0;
  for (const [name, { shape, data }] of b) {
    const other = a.get(name);
    if (!other || other.shape.join() !== shape.join()) throw new Error(`output ${name}: ${other?.shape} and ${shape}`);
    let scale = 0;
    let difference = 0;
    for (let i = 0; i < data.length; i++) {
      scale = Math.max(scale, Math.abs(data[i]));
      difference = Math.max(difference, Math.abs(data[i] - other.data[i]));
      if (Number.isNaN(data[i]) || Number.isNaN(other.data[i])) throw new Error(`output ${name} has NaN at ${i}`);
    }
    worst = Math.max(worst, scale === 0 ? difference : difference / scale);
  }
  return worst;
}
