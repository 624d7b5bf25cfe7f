import { type Constant, type Graph, getSpec, type Node, producers } from '../graph.js';
import { findOp, groupCount } from '../ops/index.js';
import { epsilonOf } from '../ops/sample-normalization.js';
import { elementCount, type Tensor } from '../tensor.js';

/**
 * Makes batch norms part of the convolutions before them: W' = W·scale/√(var + ε) by output channel, b' likewise plus what is left.
 * Where weights and statistics are constants and nothing else reads the convolution. Computed in float64, rounded once; the
 * constants themselves stay as they are, the folded ones are literals.
 */
export function foldBatchNormalization(graph: Graph): Graph {
  const constants = new Map<string, Constant>(graph.constants);
  const values = new Map(graph.values);
  const replaced = new Map<Node, Node | undefined>();
  for (const [norm, { conv, axis }] of normedConvolutions(graph)) {
    const folded = fold(graph, conv, axis, norm);
    if (!folded) continue;
    const ids = folded.map((tensor, i) => {
      const id = freshId(values, `${norm.name}/${i === 0 ? 'W' : 'b'}`);
      constants.set(id, { tensor, role: 'literal' });
      values.set(id, tensor);
      return id;
    });
    replaced.set(conv, undefined);
    replaced.set(norm, { ...conv, inputs: [conv.inputs[0], ...ids], outputs: norm.outputs });
    values.delete(conv.outputs[0]);
  }
  if (replaced.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node) => (replaced.has(node) ? (replaced.get(node) ?? []) : [node]));
  return { ...graph, nodes, constants, values };
}

/** A convolution that can take the norm that reads it. */
export interface NormedConvolution {
  readonly conv: Node;
  /** Of W, that output channels are on. */
  readonly axis: number;
}

/**
 * By batch norm, in the graph's order: the convolution before it, where nothing else reads that.
 * @param targets values that are read beside the graph's outputs
 */
export function normedConvolutions(graph: Graph, targets: readonly string[] = []): Map<Node, NormedConvolution> {
  const made = producers(graph);
  const readers = new Map<string, number>();
  const count = (id: string): unknown => readers.set(id, (readers.get(id) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(count);
  for (const { value } of graph.outputs) count(value);
  targets.forEach(count);
  const found = new Map<Node, NormedConvolution>();
  for (const norm of graph.nodes) {
    const conv = norm.op === 'BatchNormalization' ? made.get(norm.inputs[0]) : undefined;
    if (!conv || readers.get(conv.outputs[0]) !== 1) continue;
    const axis = outputAxis(graph, conv);
    if (axis !== undefined) found.set(norm, { conv, axis });
  }
  return found;
}

/** The axis of W that output channels are on, for convolutions that can take a norm. */
function outputAxis(graph: Graph, conv: Node): number | undefined {
  const { batchFirst, filters } = findOp(conv.op) ?? {};
  const isWhole = batchFirst && !(filters?.perGroup && groupCount(conv) > 1);
  return isWhole ? filters?.axis(conv, getSpec(graph, conv.inputs[1]).shape.length) : undefined;
}

/** The folded weights and bias. */
function fold(graph: Graph, conv: Node, axis: number, norm: Node): [Tensor, Tensor] | undefined {
  const constant = (id: string | undefined): Tensor | undefined => (id ? graph.constants.get(id)?.tensor : undefined);
  const weight = constant(conv.inputs[1]);
  const bias = constant(conv.inputs[2]);
  const [scale, shift, mean, variance] = norm.inputs.slice(1).map(constant);
  if (weight?.dtype !== 'float32' || (conv.inputs[2] && !bias)) return undefined;
  if (!scale || !shift || !mean || !variance) return undefined;
  const epsilon = epsilonOf(norm);
  const factors = Array.from(scale.data as Float32Array, (s, c) => s / Math.sqrt(Number(variance.data[c]) + epsilon));
  const inner = elementCount(weight.shape.slice(axis + 1));
  const folded = (weight.data as Float32Array).slice();
  for (let at = 0, channel = 0; at < folded.length; channel = (channel + 1) % factors.length) {
    const factor = factors[channel];
    for (const end = at + inner; at < end; at++) folded[at] *= factor;
  }
  const added = Float32Array.from(factors, (factor, c) => {
    return Number(shift.data[c]) + (Number(bias?.data[c] ?? 0) - Number(mean.data[c])) * factor;
  });
  return [
    { dtype: 'float32', shape: weight.shape, data: folded },
    { dtype: 'float32', shape: [added.length], data: added },
  ];
}

function freshId(values: ReadonlyMap<string, unknown>, base: string): string {
  let id = base;
  for (let i = 1; values.has(id); i++) id = `${base}_${i}`;
  return id;
}
