import { type Graph, getSpec, type Node } from '../graph/graph.js';

/**
 * The part of a graph that computes some values from others, as a graph: its inputs are those of `from` that it needs, its
 * outputs `to`, named by their values' ids.
 * @throws Error for a value that can't be computed from those
 */
export function stretchOf(graph: Graph, from: ReadonlySet<string>, to: readonly string[]): Graph {
  const needed = new Set(to.filter((id) => !from.has(id)));
  const inputs = new Set(to.filter((id) => from.has(id)));
  const constants = new Set<string>();
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((id) => needed.has(id))) continue;
    nodes.push(node);
    for (const id of node.inputs) {
      if (id === '') continue;
      if (graph.constants.has(id)) constants.add(id);
      else if (from.has(id)) inputs.add(id);
      else needed.add(id);
    }
  }
  nodes.reverse();
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  for (const id of needed) {
    if (!made.has(id)) throw new Error(`graph ${graph.name}: ${id} is not computed from ${[...from].join(', ')}`);
  }
  const values = new Map([...inputs, ...constants, ...made].map((id) => [id, getSpec(graph, id)]));
  return {
    name: graph.name,
    inputs: [...inputs],
    outputs: to.map((id) => ({ name: id, value: id })),
    nodes,
    values,
    constants: new Map([...constants].map((id) => [id, graph.constants.get(id)!])),
  };
}
