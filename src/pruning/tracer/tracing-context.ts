import { type AxisChannels, type ChannelContext, FIXED, type Reason } from '../../graph/channels.js';
import { type Dim, type Graph, getSpec, type Node } from '../../graph/graph.js';
import type { ChannelClasses } from './channel-classes.js';
import { tracerReason } from './reasons.js';

/** The channels of every value found so far. A constant gets its own when it is first read. */
export class TracedValues {
  readonly #graph: Graph;
  readonly #classes: ChannelClasses;
  readonly #axes: Map<string, readonly AxisChannels[]>;

  constructor(graph: Graph, classes: ChannelClasses, known?: ReadonlyMap<string, readonly AxisChannels[]>) {
    this.#graph = graph;
    this.#classes = classes;
    this.#axes = new Map(known);
  }

  /** @throws Error for a value that nothing has defined, which is a fault of the graph's order. */
  get(value: string): readonly AxisChannels[] {
    const known = this.#axes.get(value);
    if (known) return known;
    if (!this.#graph.constants.has(value)) throw new Error(`value ${value} is read before it is made`);
    return this.define(value);
  }

  has(value: string): boolean {
    return this.#axes.has(value);
  }

  set(value: string, axes: readonly AxisChannels[]): void {
    this.#axes.set(value, axes);
  }

  /** Gives a value channels of its own on every axis of known length. */
  define(value: string): readonly AxisChannels[] {
    const { shape } = getSpec(this.#graph, value);
    const axes = shape.map((dim) => (typeof dim === 'number' ? this.#classes.fresh(dim) : FIXED));
    this.#axes.set(value, axes);
    return axes;
  }

  freeze(value: string, reason: Reason): void {
    for (const axis of this.get(value)) if (axis !== FIXED) this.#classes.freeze(axis, reason);
  }

  entries(): IterableIterator<[string, readonly AxisChannels[]]> {
    return this.#axes.entries();
  }
}

/** What the channel rule of one node works with. */
export class NodeChannelContext implements ChannelContext {
  /** The axes that the rule renormalises over. */
  readonly renormalised: Int32Array[] = [];
  /** The lists of channels that the rule separates from others. */
  readonly separated: Int32Array[] = [];
  readonly #graph: Graph;
  readonly #node: Node;
  readonly #classes: ChannelClasses;
  readonly #values: TracedValues;

  constructor(graph: Graph, node: Node, classes: ChannelClasses, values: TracedValues) {
    this.#graph = graph;
    this.#node = node;
    this.#classes = classes;
    this.#values = values;
  }

  inputShape(i: number): readonly Dim[] {
    return getSpec(this.#graph, this.#node.inputs[i]).shape;
  }

  outputShape(i: number): readonly Dim[] {
    return getSpec(this.#graph, this.#node.outputs[i]).shape;
  }

  input(i: number): readonly AxisChannels[] {
    return this.#values.get(this.#node.inputs[i]);
  }

  hasInput(i: number): boolean {
    const id = this.#node.inputs[i];
    return id !== undefined && id !== '';
  }

  isLiteral(i: number): boolean {
    return this.#graph.constants.get(this.#node.inputs[i])?.role === 'literal';
  }

  setOutput(i: number, axes: readonly AxisChannels[]): void {
    const shape = this.outputShape(i);
    const fits =
      axes.length === shape.length && axes.every((channels, a) => channels === FIXED || channels.length === shape[a]);
    if (!fits) {
      const found = axes.map((channels) => (channels === FIXED ? FIXED : channels.length));
      throw new Error(`channel rule of ${this.#label}: output ${i} is [${shape}], its channels are [${found}]`);
    }
    this.#values.set(this.#node.outputs[i], axes);
  }

  fresh(count: number): Int32Array {
    return this.#classes.fresh(count);
  }

  resolve(a: Int32Array): Int32Array {
    const roots = new Int32Array(a.length);
    for (let i = 0; i < a.length; i++) roots[i] = this.#classes.find(a[i]);
    return roots;
  }

  tie(a: AxisChannels, b: AxisChannels, reason?: Reason): void {
    if (a === FIXED || b === FIXED) {
      const why = reason ?? tracerReason('FIXED_AXIS', this.#label);
      for (const side of [a, b]) if (side !== FIXED) this.#classes.freeze(side, why);
      return;
    }
    if (a.length !== b.length) {
      throw new Error(`channel rule of ${this.#label}: ties ${a.length} channels to ${b.length}`);
    }
    for (let i = 0; i < a.length; i++) this.#classes.union(a[i], b[i]);
  }

  freeze(a: AxisChannels, reason: Reason): void {
    if (a !== FIXED) this.#classes.freeze(a, reason);
  }

  isFixed(a: AxisChannels): boolean {
    if (a === FIXED) return true;
    for (let i = 0; i < a.length; i++) if (!this.#classes.isFrozen(a[i])) return false;
    return true;
  }

  separate(a: AxisChannels): void {
    if (a !== FIXED) this.separated.push(a);
  }

  renormalise(a: AxisChannels): void {
    if (a === FIXED) return;
    this.#classes.renormalise(a);
    this.renormalised.push(a);
  }

  get #label(): string {
    return `${this.#node.op} ${this.#node.layer ?? this.#node.name}`;
  }
}
