import { type Graph, getSpec } from './graph.js';
import type { Cost } from './op-spec.js';
import { getOp } from './ops/index.js';

const FREE: Cost = { macs: 0, mmrazor: 0 };

export interface GraphCost extends Cost {
  /** Elements of weights and running statistics, each constant once however many nodes share it. */
  readonly parameters: number;
  /** By node name. */
  readonly perNode: ReadonlyMap<string, Cost>;
}

/**
 * What one sample costs (the batch counts as 1) and how many parameters there are. A layer that is called twice costs
 * twice.
 * @example graphCost(graph).macs // multiply-adds of convolutions and dense layers
 */
export function graphCost(graph: Graph): GraphCost {
  const perNode = new Map<string, Cost>();
  let macs = 0;
  let mmrazor = 0;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => (id === '' ? undefined : getSpec(graph, id)));
    const outputs = node.outputs.map((id) => getSpec(graph, id));
    const cost = getOp(node.op).cost?.(node, inputs, outputs) ?? FREE;
    perNode.set(node.name, cost);
    macs += cost.macs;
    mmrazor += cost.mmrazor;
  }
  let parameters = 0;
  for (const { role, tensor } of graph.constants.values()) if (role !== 'literal') parameters += tensor.data.length;
  return { macs, mmrazor, parameters, perNode };
}
