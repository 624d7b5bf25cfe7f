import {
  type Attrs,
  type Constant,
  type Graph,
  getSpec,
  type Node,
  type Shape,
  type TensorSpec,
} from '../../graph/graph.js';
import { inferNode } from '../../graph/infer.js';
import type { Composer } from '../../graph/op-spec.js';
import { getOp } from '../../graph/ops/index.js';
import { scalar, type Tensor, tensor } from '../../graph/tensor.js';
import { verify } from '../../graph/verify.js';
import { countOnes } from '../mutables/index.js';
import { SettledChannels } from '../tracer/index.js';
import type { ChannelSelection } from './channel-selection.js';

/**
 * The full graph computing what the pruned one must compute: every weight at its full size, pruned channels zeroed
 * where layers with weights make them and where they read them. Ops that mix channels without weights of their own
 * (softmax, norms of a sample, means) see the kept ones only. Made with masks alone: it shares no code with the slicing
 * that it is to check.
 *
 * Masks select (`Where`) and don't multiply, so that an infinity or NaN that a pruned channel comes to stays out.
 * @param constants current data of constants, where they differ from the graph's own.
 * @throws Error for an op that renormalises over pruned channels, has no neutral number and is not composed of others.
 */
export function maskedGraph(selection: ChannelSelection, constants?: ReadonlyMap<string, Tensor>): Graph {
  const { graph, renormalising } = selection.analysis;
  const masking = new Masking(selection, constants);
  for (const node of graph.nodes) masking.add(node, renormalising.get(node.name) ?? []);
  return masking.build();
}

/** The masked graph as it grows. */
class Masking implements Composer {
  readonly #graph: Graph;
  readonly #selection: ChannelSelection;
  readonly #channels: SettledChannels;
  readonly #nodes: Node[] = [];
  readonly #values = new Map<string, TensorSpec>();
  readonly #constants = new Map<string, Constant>();
  readonly #taken: Set<string>;

  constructor(selection: ChannelSelection, constants?: ReadonlyMap<string, Tensor>) {
    const { graph } = selection.analysis;
    this.#selection = selection;
    this.#graph = { ...graph, values: this.#values, constants: this.#constants };
    this.#channels = new SettledChannels(selection.analysis, this.#graph);
    this.#taken = new Set([...graph.values.keys(), ...graph.nodes.map((node) => node.name)]);
    for (const id of graph.inputs) this.#values.set(id, getSpec(graph, id));
    for (const [id, constant] of graph.constants) {
      this.#values.set(id, getSpec(graph, id));
      this.#constants.set(id, { ...constant, tensor: constants?.get(id) ?? constant.tensor });
    }
  }

  /** Adds the masked form of a node. @param mixed the channels that it renormalises over */
  add(node: Node, mixed: readonly Int32Array[]): void {
    const { neutral, mixes, compose, averages, parametric } = getOp(node.op);
    const axes = parametric?.(
      node,
      node.inputs.map((id) => this.#values.get(id)),
    );
    const mixesPruned = mixed.some((classes) => this.#selection.drops(classes));
    const inputs = [...node.inputs];
    const [x] = inputs;
    const [output] = node.outputs;
    const raw = axes && this.#mask(output, axes.output) ? this.#unique(`${output}/unmasked`) : output;
    if (neutral !== undefined) {
      const mixedAxes = mixes?.(node, this.shape(x).length) ?? [];
      inputs[0] = mixedAxes.reduce((value, axis) => this.#masked(value, x, axis, neutral), x);
      if (mixesPruned && averages) this.#meanOfKept(node, inputs, mixedAxes, raw);
      else this.#emit(node, inputs, raw);
    } else if (mixesPruned) {
      const what = `${node.op} ${node.layer ?? node.name}`;
      if (!compose) throw new Error(`${what}: mixes pruned channels, and has no masked form`);
      this.#new('Identity', [compose(node, this)], {}, raw);
    } else {
      if (axes) inputs[0] = this.#masked(x, x, axes.input, 0);
      this.#emit(node, inputs, raw);
    }
    if (axes && raw !== output) this.#masked(raw, output, axes.output, 0, output);
  }

  /** One of the nodes that a node is composed of, in its masked form. */
  op(op: string, inputs: readonly string[], attrs: Attrs = {}): string {
    const name = this.#unique(`${inputs[0]}/${op}`);
    const node = { name, op, attrs, inputs, outputs: [this.#unique(`${name}/out`)] };
    this.#infer(node);
    this.add(node, this.#channels.trace(node));
    return node.outputs[0];
  }

  scalar(value: number, like: string): string {
    return this.#constant('scalar', scalar(getSpec(this.#graph, like).dtype, value));
  }

  shape(value: string): Shape {
    return getSpec(this.#graph, value).shape;
  }

  build(): Graph {
    const masked = { ...this.#graph, name: `${this.#graph.name}/masked`, nodes: this.#nodes };
    verify(masked);
    return masked;
  }

  /** The mean of all times full/kept is that of the kept, the others being 0. Two whole numbers, as a quotient would be rounded. */
  #meanOfKept(node: Node, inputs: readonly string[], axes: readonly number[], output: string): void {
    const masks = axes.flatMap((axis) => this.#mask(node.inputs[0], axis) ?? []);
    const full = masks.reduce((product, mask) => product * mask.length, 1);
    const kept = masks.reduce((product, mask) => product * countOnes(mask), 1);
    const mean = this.#new(node.op, inputs, node.attrs);
    this.#new('Div', [this.#new('Mul', [mean, this.scalar(full, mean)], {}), this.scalar(kept, mean)], {}, output);
  }

  #mask(value: string, axis: number): Uint8Array | undefined {
    return this.#selection.mask(this.#channels.axes(value)[axis]);
  }

  /**
   * Sets the channels of `input` that `like` (a value with the same channels) drops to `neutral`. Gives the masked value, or
   * `input` when no channel goes.
   */
  #masked(input: string, like: string, axis: number, neutral: number, output?: string): string {
    const mask = this.#mask(like, axis);
    if (!mask) return input;
    const { dtype, shape } = getSpec(this.#graph, input);
    const name = `${input}/mask`;
    const extents = shape.map((_, a) => (a === axis ? mask.length : 1)).slice(axis);
    const condition = this.#constant(`${name}/channels`, tensor('bool', extents, mask));
    const other = this.#constant(`${name}/neutral`, scalar(dtype, neutral));
    return this.#new('Where', [condition, input, other], {}, output, name);
  }

  #new(op: string, inputs: readonly string[], attrs: Attrs, output?: string, base = `${inputs[0]}/${op}`): string {
    const name = this.#unique(base);
    const result = output ?? this.#unique(`${name}/out`);
    this.#emit({ name, op, attrs, inputs, outputs: [result] }, inputs, result);
    return result;
  }

  /** Adds a node as it is, but for its inputs and its first output. */
  #emit(node: Node, inputs: readonly string[], output: string): void {
    const made = { ...node, inputs, outputs: node.outputs.with(0, output) };
    this.#infer(made);
    this.#nodes.push(made);
  }

  #infer(node: Node): void {
    const specs = inferNode(node, this.#graph);
    node.outputs.forEach((id, i) => {
      this.#values.set(id, specs[i]);
    });
  }

  #constant(base: string, value: Tensor): string {
    const id = this.#unique(base);
    this.#values.set(id, { dtype: value.dtype, shape: value.shape });
    this.#constants.set(id, { tensor: value, role: 'literal' });
    return id;
  }

  #unique(base: string): string {
    let name = base;
    for (let i = 1; this.#taken.has(name); i++) name = `${base}_${i}`;
    this.#taken.add(name);
    return name;
  }
}
