import type { Node } from '../../graph/graph.js';
import type { Filters } from '../../graph/op-spec.js';
import { findOp } from '../../graph/ops/index.js';

/** The value that holds a node's filters and where they are in it; undefined for ops whose weights make no channels. */
export function findFilters(node: Node): (Filters & { readonly value: string }) | undefined {
  const filters = findOp(node.op)?.filters?.(node);
  return filters && { ...filters, value: node.inputs[filters.input] };
}
