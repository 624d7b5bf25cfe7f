import type { Graph } from '../graph/graph.js';
import { spareReaders, withoutSpares } from '../graph/passes/spare-biases.js';
import { findSharedSites } from './shared-sites.js';
import { findSites } from './site.js';

/**
 * The graph with those spare biases alone that give a layer somewhere to put a mean: a layer that has a batch norm or a bias behind it
 * needs none, and what can't be set has no use for one.
 * @param plain the graph without any
 */
export function withNeededSpares(graph: Graph, plain: Graph = withoutSpares(graph)): Graph {
  if (plain === graph) return graph;
  const sites = [...findSites(plain), ...findSharedSites(plain).flatMap((shared) => shared.sites)];
  const wanting = new Set(sites.flatMap(({ node, offset }) => (offset ? [] : [node.name])));
  const readers = spareReaders(graph);
  const isNeeded = (id: string): boolean => readers.get(id)?.every(({ name }) => wanting.has(name)) ?? false;
  return withoutSpares(graph, (id, { role }) => role === 'spare' && !isNeeded(id));
}
