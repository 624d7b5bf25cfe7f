import type { Constant, Graph, Node } from '../graph/graph.js';

/** A model that a training pass runs as it is evaluated: no weight learns, norms keep their statistics, nothing is dropped. */
export function evaluationForm(graph: Graph): Graph {
  const frozen = ([id, constant]: [string, Constant]) => [id, { ...constant, frozen: true }] as const;
  const undropped = (node: Node): Node =>
    node.op === 'Dropout' ? { ...node, attrs: { ...node.attrs, ratio: 0 } } : node;
  return { ...graph, nodes: graph.nodes.map(undropped), constants: new Map([...graph.constants].map(frozen)) };
}

/** A model whose norms go by the statistics that they have, and keep them. */
export function withStatisticsFrozen(graph: Graph): Graph {
  const constants = new Map(
    [...graph.constants].map(([id, constant]) => {
      return [id, constant.role === 'statistic' ? { ...constant, frozen: true } : constant];
    }),
  );
  return { ...graph, constants };
}
