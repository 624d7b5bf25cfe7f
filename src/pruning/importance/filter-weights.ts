import type { Node } from '../../graph/graph.js';
import { intAttr } from '../../graph/ops/attributes.js';

/** Which input of an op holds the filters, and on which axis of it the layer's output channels stand. */
interface FilterAxis {
  readonly input: number;
  axis(node: Node, rank: number): number;
  /** Where given: axis 0 is made of that many blocks, each with output channels of its own. 1 where not. */
  groups?(node: Node): number;
}

/** Where a node's filters are: filter i of block g makes output channel `g · extent + i`. */
export interface Filters {
  readonly value: string;
  readonly groups: number;
  axis(rank: number): number;
}

/** The ops whose weights make channels. Batch norm is none: it only passes them through. */
const FILTERS: Readonly<Record<string, FilterAxis>> = {
  Conv: { input: 1, axis: () => 0 },
  ConvTranspose: { input: 1, axis: () => 1, groups: (node) => intAttr(node, 'group', 1) },
  Gemm: { input: 1, axis: (node) => (node.attrs.transB ? 0 : 1) },
  /** An embedding: the columns of its table. */
  Gather: { input: 0, axis: () => 1 },
  MatMul: { input: 1, axis: (_node, rank) => rank - 1 },
};

/** The value that holds a node's filters and the axis of its output channels; undefined for ops that have none. */
export function findFilters(node: Node): Filters | undefined {
  const filters = FILTERS[node.op];
  if (!filters) return undefined;
  const groups = filters.groups?.(node) ?? 1;
  return { value: node.inputs[filters.input], groups, axis: (rank) => filters.axis(node, rank) };
}
