import type { Constant, Graph } from '../graph.js';
import type { Tensor } from '../tensor.js';

/** The graph with other data of the same shapes in some of its constants. @throws Error for an id that it hasn't */
export function replaceConstants(graph: Graph, tensors: ReadonlyMap<string, Tensor>): Graph {
  if (tensors.size === 0) return graph;
  const constants = new Map<string, Constant>(graph.constants);
  for (const [id, tensor] of tensors) {
    const constant = constants.get(id);
    if (!constant) throw new Error(`graph ${graph.name} has no constant ${id}`);
    constants.set(id, { ...constant, tensor });
  }
  return { ...graph, constants };
}
