import type { Attrs, Graph } from '../../../src/graph/graph.js';
import { scalar } from '../../../src/graph/tensor.js';
import { GraphSketch } from '../graph-sketch.js';
import type { NetworkPlan, Step } from './plan.js';

/** Makes a feature map of another: both `[N, C, H, W]`. */
export type StepKind = (net: Network, x: string, step: Step) => string;

/** Above this many channels or this many times the inputs' extent nothing is made larger any more. */
const MOST_CHANNELS = 24;
const MOST_GROWTH = 2;

/** A network as it grows by a plan. */
export class Network {
  readonly sketch: GraphSketch;
  readonly extent: number;
  /** Layers that can be applied again, with the channels that they take. */
  readonly shared: { readonly layer: string; readonly channels: number }[] = [];
  /** The first input. */
  readonly source: string;
  /** Feature maps that later steps may read, from the bodies of blocks too. */
  readonly #maps: string[] = [];
  readonly #kinds: ReadonlyMap<string, StepKind>;
  #layers = 0;
  #vector: string | undefined;

  constructor(plan: NetworkPlan, kinds: ReadonlyMap<string, StepKind>) {
    this.sketch = new GraphSketch('random', plan.weights);
    this.extent = plan.extent;
    this.#kinds = kinds;
    const inputs = plan.inputs.map((channels, i) => this.sketch.input(`x${i}`, channels, plan.extent, plan.extent));
    this.source = inputs[0];
    inputs.forEach((x, i) => {
      this.#maps.push(this.sketch.conv(this.layer('stem'), x, 4 + i));
    });
  }

  /** The newest map, or one that was made `from` steps before (or the oldest). */
  map(from = 0): string {
    return this.#maps[Math.max(0, this.#maps.length - 1 - from)];
  }

  /** Applies a step to a map. */
  apply(step: Step, x: string): string {
    const kind = this.#kinds.get(step.kind);
    if (!kind) throw new Error(`there is no step ${step.kind}`);
    const y = kind(this, x, step);
    this.#maps.push(y);
    return y;
  }

  /** Applies the steps of a block one to the next. */
  chain(steps: readonly Step[], x: string): string {
    return steps.reduce((y, step) => this.apply(step, y), x);
  }

  /** Other maps that fit, the newest first. */
  others(x: string, fits: (shape: readonly number[]) => boolean): string[] {
    return [...new Set(this.#maps)].reverse().filter((map) => map !== x && fits(this.shape(map)));
  }

  op(op: string, inputs: readonly string[], attrs: Attrs = {}, layer?: string): string {
    return this.sketch.op(op, inputs, attrs, layer);
  }

  layer(kind: string): string {
    return `${kind}${this.#layers++}`;
  }

  scalar(value: number): string {
    return this.sketch.builder.constant(this.layer('scalar'), scalar('float32', value), 'literal');
  }

  shape(x: string): number[] {
    return this.sketch.shape(x);
  }

  channels(x: string): number {
    return this.shape(x)[1];
  }

  /** True while a map with `times` the channels is not too wide. */
  mayWiden(x: string, times = 2): boolean {
    return this.channels(x) * times <= MOST_CHANNELS;
  }

  /** True while planes of twice the extents are not too large. */
  mayEnlarge(x: string): boolean {
    const [, , height, width] = this.shape(x);
    return Math.max(height, width) * 2 <= this.extent * MOST_GROWTH;
  }

  /** A pointwise convolution to this many channels. */
  project(x: string, channels: number): string {
    return this.sketch.conv(this.layer('proj'), x, channels, { kernel: 1 });
  }

  reshape(x: string, ...shape: number[]): string {
    return this.op('Reshape', [x], { shape });
  }

  transpose(x: string, ...perm: number[]): string {
    return this.op('Transpose', [x], { perm });
  }

  slice(x: string, axis: number, start: number, end: number): string {
    return this.op('Slice', [x], { axes: [axis], starts: [start], ends: [end] });
  }

  concat(parts: readonly string[], axis = 1): string {
    return this.op('Concat', parts, { axis });
  }

  /** A dense layer over the last axis of any rank, as transformers have it: a product and the sum with a bias. */
  dense(x: string, units: number): string {
    const layer = this.layer('dense');
    const features = this.shape(x).at(-1)!;
    const product = this.op('MatMul', [x, this.sketch.literal(`${layer}.weight`, features, units)], {}, layer);
    return this.op('Add', [product, this.sketch.literal(`${layer}.bias`, units)]);
  }

  /** A second input `[N, 3]`, made when it is first asked for. */
  vector(): string {
    this.#vector ??= this.sketch.input('vector', 3);
    return this.#vector;
  }

  build(outputs: readonly string[]): Graph {
    return this.sketch.build(...new Set(outputs));
  }
}

/** The entry of a list that a number of a plan picks. */
export function pick<T>(list: readonly T[], number: number): T {
  return list[number % list.length];
}
