import type { Graph, Node } from '../graph/graph.js';

/** The nodes that the given values depend on, in graph order. */
export function ancestors(graph: Graph, values: readonly string[]): Node[] {
  const needed = new Set(values);
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((id) => needed.has(id))) continue;
    for (const id of node.inputs) needed.add(id);
    nodes.push(node);
  }
  return nodes.reverse();
}

/** The graph without the nodes and constants that no output depends on. Inputs stay. */
export function withoutDeadCode(graph: Graph): Graph {
  const outputs = graph.outputs.map((o) => o.value);
  const nodes = ancestors(graph, outputs);
  const alive = new Set([...outputs, ...graph.inputs]);
  for (const node of nodes) for (const id of [...node.inputs, ...node.outputs]) alive.add(id);
  const keep = <T>(entries: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...entries].filter(([id]) => alive.has(id)));
  return { ...graph, nodes, values: keep(graph.values), constants: keep(graph.constants) };
}
