import { type Graph, getSpec } from './graph.js';
import type { Cost } from './op-spec.js';
import { sampleCosts } from './sample-cost.js';

export interface GraphCost extends Cost {
  /** Elements of weights and running statistics, each constant once however many nodes share it. */
  readonly parameters: number;
  /** By node name. */
  readonly perNode: ReadonlyMap<string, Cost>;
}

/**
 * What one sample costs, whatever the batch of the graph, and how many parameters there are. A layer that is called twice costs
 * twice.
 * @example graphCost(graph).macs // multiply-adds of convolutions and dense layers
 */
export function graphCost(graph: Graph): GraphCost {
  const perNode = new Map<string, Cost>();
  let macs = 0;
  let mmrazor = 0;
  const sampleCost = sampleCosts(graph);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => (id === '' ? undefined : getSpec(graph, id)));
    const outputs = node.outputs.map((id) => getSpec(graph, id));
    const cost = sampleCost(node, inputs, outputs);
    perNode.set(node.name, cost);
    macs += cost.macs;
    mmrazor += cost.mmrazor;
  }
  let parameters = 0;
  for (const { role, tensor } of graph.constants.values()) if (role !== 'literal') parameters += tensor.data.length;
  return { macs, mmrazor, parameters, perNode };
}
