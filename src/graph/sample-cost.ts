import { countedElements, isBound } from './dims.js';
import { type Graph, getSpec, type Node, type TensorSpec } from './graph.js';
import type { Cost } from './op-spec.js';
import { findOp, getOp } from './ops/index.js';

const FREE: Cost = { macs: 0, mmrazor: 0 };

/** What one sample's share of a node is. Specs may be those of the node with fewer channels. */
export type SampleCost = (
  node: Node,
  inputs: readonly (TensorSpec | undefined)[],
  outputs: readonly TensorSpec[],
) => Cost;

/**
 * The rule of what one sample costs in a graph, whatever its batch. What is computed of the inputs is computed for every
 * sample of a batch, merged with other axes or not: one sample's share is that part of it (all of the windows and frames
 * that are the sample's own). What is computed of constants alone is computed once, and counts in full.
 */
export function sampleCosts(graph: Graph): SampleCost {
  const computed = computedValues(graph);
  const samples = runSamples(graph, computed);
  return (node, inputs, outputs) => {
    const isWeight = (i: number): boolean => !computed.has(node.inputs[i]);
    const cost = getOp(node.op).cost?.({ node, inputs, outputs, isWeight }) ?? FREE;
    if (!computed.has(node.outputs[0])) return cost;
    return { macs: share(cost.macs, samples), mmrazor: share(cost.mmrazor, samples) };
  };
}

/** What doesn't divide among the samples is nothing that each of them has one of. */
function share(total: number, samples: number): number {
  return total % samples === 0 ? total / samples : total;
}

/** The values that depend on what the graph is fed. */
function computedValues(graph: Graph): ReadonlySet<string> {
  const computed = new Set(graph.inputs);
  for (const node of graph.nodes) {
    if (node.inputs.some((id) => computed.has(id))) for (const id of node.outputs) computed.add(id);
  }
  return computed;
}

/**
 * The samples of one run, as costs count them: 1 where the batch is open, else the first extent of an input, where the
 * graph bears it out: every output is of so many, and of the ops whose first axis is the batch at least one. An image
 * without a batch (`[3, H, W]`, which becomes `[1, 3, H, W]`) is one sample.
 */
function runSamples(graph: Graph, computed: ReadonlySet<string>): number {
  const first = (id: string): number => {
    const { shape } = getSpec(graph, id);
    return shape.length === 0 ? 1 : countedElements(shape.slice(0, 1));
  };
  const inputs = graph.inputs.map((id) => getSpec(graph, id).shape).filter((shape) => shape.length > 1);
  const batches = inputs.map(([batch]) => batch);
  if (!isBound(batches)) return 1;
  const outputs = graph.outputs.map(({ value }) => value).filter((id) => computed.has(id));
  const batched = graph.nodes.filter(({ op, inputs }) => findOp(op)?.batchFirst && computed.has(inputs[0]));
  const bornOut = (samples: number): boolean =>
    outputs.every((id) => first(id) % samples === 0) &&
    (batched.length === 0 || batched.some((node) => first(node.inputs[0]) % samples === 0));
  return Math.max(1, ...batches.filter(bornOut));
}
