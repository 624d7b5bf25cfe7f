import { GraphBuilder } from '../src/graph/builder.js';
import type { Graph } from '../src/graph/graph.js';
import { elementCount, type Tensor, tensor } from '../src/graph/tensor.js';

/** Where a convolution's output goes: its channels, kernel, stride and groups. */
export interface ConvSpec {
  readonly channels: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
}

/** Builds the benchmark's nets: convolutions with He-normal weights, batch norms, a classifier at the end. */
export class NetBuilder {
  readonly #b: GraphBuilder;
  readonly #random: () => number;
  #count = 0;

  constructor(name: string, random: () => number) {
    this.#b = new GraphBuilder(name);
    this.#random = random;
  }

  input(channels: number, size: number): string {
    return this.#b.input('x', { dtype: 'float32', shape: ['N', channels, size, size] });
  }

  /** Without a bias: a batch norm follows. */
  convNorm(x: string, inputs: number, spec: ConvSpec): string {
    const name = `conv${++this.#count}`;
    const y = this.#b.op('Conv', [x, this.#kernel(name, inputs, spec)], convAttrs(spec), { layer: name });
    return this.#norm(y, name, spec.channels);
  }

  convBias(x: string, inputs: number, spec: ConvSpec): string {
    const name = `conv${++this.#count}`;
    const bias = this.#vector(`${name}/bias`, spec.channels, 0, 'parameter');
    return this.#b.op('Conv', [x, this.#kernel(name, inputs, spec), bias], convAttrs(spec), { layer: name });
  }

  relu = (x: string): string => this.#b.op('Relu', [x]);
  relu6 = (x: string): string => this.#b.op('Clip', [x], { min: 0, max: 6 });
  add = (a: string, b: string): string => this.#b.op('Add', [a, b]);
  maxPool = (x: string): string =>
    this.#b.op('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });

  sigmoid = (x: string): string => this.#b.op('Sigmoid', [x]);
  mul = (a: string, b: string): string => this.#b.op('Mul', [a, b]);
  concat = (values: readonly string[]): string => this.#b.op('Concat', values, { axis: 1 });
  globalPool = (x: string): string => this.#b.op('GlobalAveragePool', [x]);
  /** 2×2, stride 2. */
  averagePool = (x: string): string => this.#b.op('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2] });

  /** Batch norm alone, before its convolution. */
  norm(x: string, channels: number): string {
    return this.#norm(x, `norm${++this.#count}`, channels);
  }

  /** Without a norm and without a bias. */
  conv(x: string, inputs: number, spec: ConvSpec): string {
    const name = `conv${++this.#count}`;
    return this.#b.op('Conv', [x, this.#kernel(name, inputs, spec)], convAttrs(spec), { layer: name });
  }

  /** Global average pool, dense layer, softmax; the finished graph. */
  classifier(x: string, inputs: number, classes: number): Graph {
    const logits = this.#dense(this.#pooled(x), inputs, classes);
    this.#b.output('probabilities', this.#b.op('Softmax', [logits], {}, { layer: 'softmax' }));
    return this.#b.build();
  }

  /** Global average pool and dense layer; the finished graph. */
  scorer(x: string, inputs: number, classes: number): Graph {
    this.#b.output('logits', this.#dense(this.#pooled(x), inputs, classes));
    return this.#b.build();
  }

  #pooled = (x: string): string => this.#b.op('Flatten', [this.#b.op('GlobalAveragePool', [x])]);

  #dense(x: string, inputs: number, classes: number): string {
    const weight = this.#b.constant('dense/W', this.#gaussian([classes, inputs], 1 / Math.sqrt(inputs)), 'parameter');
    const bias = this.#vector('dense/b', classes, 0, 'parameter');
    return this.#b.op('Gemm', [x, weight, bias], { transB: 1 }, { layer: 'dense' });
  }

  #norm(x: string, name: string, channels: number): string {
    const vectors = [
      this.#vector(`${name}/scale`, channels, 1, 'parameter'),
      this.#vector(`${name}/shift`, channels, 0, 'parameter'),
      this.#vector(`${name}/mean`, channels, 0, 'statistic'),
      this.#vector(`${name}/variance`, channels, 1, 'statistic'),
    ];
    return this.#b.op('BatchNormalization', [x, ...vectors], {}, { layer: `${name}_norm` });
  }

  #kernel(name: string, inputs: number, { channels, kernel, groups = 1 }: ConvSpec): string {
    const shape = [channels, inputs / groups, kernel, kernel];
    return this.#b.constant(
      `${name}/W`,
      this.#gaussian(shape, Math.sqrt(2 / elementCount(shape.slice(1)))),
      'parameter',
    );
  }

  #gaussian(shape: number[], deviation: number): Tensor {
    const random = this.#random;
    const values = new Float32Array(elementCount(shape));
    for (let i = 0; i < values.length; i++) {
      values[i] = deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    }
    return tensor('float32', shape, values);
  }

  #vector(id: string, length: number, value: number, role: 'parameter' | 'statistic'): string {
    return this.#b.constant(id, tensor('float32', [length], new Float32Array(length).fill(value)), role);
  }
}

function convAttrs({ kernel, stride = 1, groups = 1 }: ConvSpec) {
  const pad = (kernel - 1) / 2;
  return { strides: [stride, stride], pads: [pad, pad, pad, pad], group: groups };
}
