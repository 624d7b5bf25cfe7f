import { type Constant, type Graph, getSpec } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

/** The original and what is left of it: node names, value and constant ids are the same in both. */
export interface Networks {
  readonly original: Graph;
  readonly pruned: Graph;
  /** The indices that stay on an axis of a value, ascending; undefined when all of them do. */
  kept(value: string, axis: number): Int32Array | undefined;
}

/** The pruned network with other constants. */
export function withConstants(graph: Graph, tensors: ReadonlyMap<string, Tensor>): Graph {
  if (tensors.size === 0) return graph;
  const constants = new Map<string, Constant>(graph.constants);
  for (const [id, tensor] of tensors) {
    const constant = constants.get(id);
    if (!constant) throw new Error(`graph ${graph.name} has no constant ${id}`);
    constants.set(id, { ...constant, tensor });
  }
  return { ...graph, constants };
}

/** True when some index of some axis of a value went. */
export function isNarrower({ original, kept }: Networks, value: string): boolean {
  return getSpec(original, value).shape.some((_, axis) => kept(value, axis) !== undefined);
}
