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
import { findOp } from '../../graph/ops/index.js';
import { scalar, type Tensor, tensor } from '../../graph/tensor.js';
import { verify } from '../../graph/verify.js';
import type { ChannelSelection } from './channel-selection.js';
import { maskedMean } from './masked-mean.js';
import { type MaskedFormBuilder, maskedNorm } from './masked-norms.js';

/**
 * The full graph computing what the pruned one must compute: every weight at its full size, pruned channels zeroed
 * where layers with weights make them and where they read them. Ops that mix channels without weights of their own
 * (softmax, norms of a sample, means) see the kept ones only. Made with masks alone: it shares no code with the slicing
 * that it is to check.
 *
 * Masks select (`Where`) and don't multiply, so that an infinity or NaN that a pruned channel comes to stays out.
 * @param constants current data of constants, where they differ from the graph's own.
 * @throws Error for an op that renormalises over pruned channels, has no neutral number and is no norm.
 */
export function maskedGraph(selection: ChannelSelection, constants?: ReadonlyMap<string, Tensor>): Graph {
  const { graph, renormalising } = selection.analysis;
  const masking = new Masking(graph, selection, constants);
  for (const node of graph.nodes) {
    const inputs = [...node.inputs];
    const rank = getSpec(graph, inputs[0]).shape.length;
    const spec = findOp(node.op);
    const parametric = spec?.parametric?.(
      node,
      node.inputs.map((id) => graph.values.get(id)),
    );
    const { neutral } = spec ?? {};
    const [output, ...others] = node.outputs;
    const raw = parametric ? masking.rawName(output, parametric.output) : output;
    const overKept = maskedNorm(node, masking) ?? maskedMean(node, masking);
    if (overKept) {
      masking.op('Identity', [overKept], {}, raw);
      if (parametric && raw !== output) masking.masked(raw, output, parametric.output, 0, output);
      continue;
    }
    if (neutral !== undefined) {
      const [x] = inputs;
      const axes = spec?.mixes?.(node, rank) ?? [];
      inputs[0] = axes.reduce((value, axis) => masking.masked(value, x, axis, neutral), x);
    } else if (renormalising.get(node.name)?.some((classes) => selection.drops(classes))) {
      throw new Error(`${node.op} ${node.layer ?? node.name}: mixes pruned channels, and has no masked form`);
    } else if (parametric) {
      inputs[0] = masking.masked(inputs[0], inputs[0], parametric.input, 0);
    }
    masking.add(
      { ...node, inputs, outputs: [raw, ...others] },
      node.outputs.map((id) => getSpec(graph, id)),
    );
    if (parametric && raw !== output) masking.masked(raw, output, parametric.output, 0, output);
  }
  return masking.build();
}

/** The masked graph as it grows. */
class Masking implements MaskedFormBuilder {
  readonly #graph: Graph;
  readonly #selection: ChannelSelection;
  readonly #nodes: Node[] = [];
  readonly #values = new Map<string, TensorSpec>();
  readonly #constants = new Map<string, Constant>();
  readonly #taken: Set<string>;

  constructor(graph: Graph, selection: ChannelSelection, constants?: ReadonlyMap<string, Tensor>) {
    this.#graph = graph;
    this.#selection = selection;
    this.#taken = new Set([...graph.values.keys(), ...graph.nodes.map((node) => node.name)]);
    for (const id of graph.inputs) this.#values.set(id, getSpec(graph, id));
    for (const [id, constant] of graph.constants) {
      this.#values.set(id, getSpec(graph, id));
      this.#constants.set(id, { ...constant, tensor: constants?.get(id) ?? constant.tensor });
    }
  }

  add(node: Node, specs: readonly TensorSpec[]): void {
    this.#nodes.push(node);
    node.outputs.forEach((id, i) => {
      this.#values.set(id, specs[i]);
    });
  }

  op(op: string, inputs: readonly string[], attrs: Attrs = {}, output?: string): string {
    const name = this.#unique(`${inputs[0]}/${op}`);
    const result = output ?? this.#unique(`${name}/out`);
    const node = { name, op, attrs, inputs, outputs: [result] };
    this.add(node, inferNode(node, { values: this.#values, constants: this.#constants }));
    return result;
  }

  scalar(value: number, like: string): string {
    return this.#constant('scalar', scalar(getSpec(this.#graph, like).dtype, value));
  }

  shape(value: string): Shape {
    return getSpec(this.#graph, value).shape;
  }

  counts(like: string, axis: number): { full: number; kept: number } {
    const mask = this.#selection.mask(like, axis);
    return mask ? { full: mask.length, kept: mask.reduce((count, bit) => count + bit, 0) } : { full: 1, kept: 1 };
  }

  /** A name for what a layer makes before its mask, when there is one; else the output's own. */
  rawName(output: string, axis: number): string {
    return this.#selection.mask(output, axis) ? this.#unique(`${output}/unmasked`) : output;
  }

  /**
   * Sets the channels of `input` that `like` (a value of the full graph with the same channels) drops to `neutral`.
   * Gives the masked value, or `input` when no channel goes.
   */
  masked(input: string, like: string, axis: number, neutral: number, output?: string): string {
    const mask = this.#selection.mask(like, axis);
    if (!mask) return input;
    const spec = getSpec(this.#graph, like);
    const name = this.#unique(`${input}/mask`);
    const shape = spec.shape.map((_, a) => (a === axis ? mask.length : 1)).slice(axis);
    const condition = this.#constant(`${name}/channels`, tensor('bool', shape, mask));
    const other = this.#constant(`${name}/neutral`, scalar(spec.dtype, neutral));
    const result = output ?? this.#unique(`${name}/out`);
    this.add({ name, op: 'Where', attrs: {}, inputs: [condition, input, other], outputs: [result] }, [spec]);
    return result;
  }

  build(): Graph {
    const { name, inputs, outputs } = this.#graph;
    const nodes = this.#nodes;
    const masked = { name: `${name}/masked`, inputs, outputs, nodes, values: this.#values, constants: this.#constants };
    verify(masked);
    return masked;
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
