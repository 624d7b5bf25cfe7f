import type { Node } from '../../graph/graph.js';
import { findOp, groupCount } from '../../graph/ops/index.js';

/** Where a node's filters are: filter i of block g makes output channel `g · extent + i`. */
export interface NodeFilters {
  readonly value: string;
  readonly groups: number;
  axis(rank: number): number;
}

/** The value that holds a node's filters and the axis of its output channels; undefined for ops that have none. */
export function findFilters(node: Node): NodeFilters | undefined {
  const filters = findOp(node.op)?.filters;
  if (!filters) return undefined;
  const groups = filters.perGroup ? groupCount(node) : 1;
  return { value: node.inputs[filters.input], groups, axis: (rank) => filters.axis(node, rank) };
}
