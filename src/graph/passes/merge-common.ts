import type { Graph, Node } from '../graph.js';

/**
 * Leaves one of the nodes that compute the same: op, attributes and inputs (after merging) are equal. What read the
 * others reads it. Ids that graph outputs have stay output values; every op of the IR is a function of its inputs.
 */
export function mergeCommon(graph: Graph): Graph {
  const replaced = new Map<string, string>();
  const first = new Map<string, Node>();
  const read = (id: string): string => replaced.get(id) ?? id;
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(read);
    const key = JSON.stringify([node.op, inputs, sortedAttrs(node), node.outputs.length]);
    const same = first.get(key);
    if (same) {
      node.outputs.forEach((id, i) => {
        replaced.set(id, same.outputs[i]);
      });
      continue;
    }
    const own = inputs.every((id, i) => id === node.inputs[i]) ? node : { ...node, inputs };
    first.set(key, own);
    nodes.push(own);
  }
  if (replaced.size === 0) return graph;
  return {
    ...graph,
    nodes,
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: read(value) })),
    values: new Map([...graph.values].filter(([id]) => !replaced.has(id))),
  };
}

/** Infinities are no JSON, and would look alike. */
function sortedAttrs({ attrs }: Node): [string, string][] {
  return Object.entries(attrs)
    .map(([name, value]): [string, string] => [name, typeof value === 'number' ? String(value) : JSON.stringify(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
