import { type Graph, getSpec } from '../graph/graph.js';

/** The original and what is left of it: node names, value and constant ids are the same in both. */
export interface Networks {
  readonly original: Graph;
  readonly pruned: Graph;
  /** The indices that stay on an axis of a value, ascending; undefined when all of them do. */
  kept(value: string, axis: number): Int32Array | undefined;
}

/** True when some index of some axis of a value went. */
export function isNarrower({ original, kept }: Networks, value: string): boolean {
  return getSpec(original, value).shape.some((_, axis) => kept(value, axis) !== undefined);
}
