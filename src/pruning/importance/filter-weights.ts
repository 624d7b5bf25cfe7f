import type { Node } from '../../graph/graph.js';

/** Which input of an op holds the filters, and on which axis of it the layer's output channels stand. */
interface FilterAxis {
  readonly input: number;
  axis(node: Node, rank: number): number;
}

/** The ops whose weights make channels. Batch norm is none: it only passes them through. */
const FILTERS: Readonly<Record<string, FilterAxis>> = {
  Conv: { input: 1, axis: () => 0 },
  Gemm: { input: 1, axis: (node) => (node.attrs.transB ? 0 : 1) },
  MatMul: { input: 1, axis: (_node, rank) => rank - 1 },
};

/** The value that holds a node's filters and the axis of its output channels; undefined for ops that have none. */
export function findFilters(node: Node): { value: string; axis(rank: number): number } | undefined {
  const filters = FILTERS[node.op];
  if (!filters) return undefined;
  return { value: node.inputs[filters.input], axis: (rank) => filters.axis(node, rank) };
}
