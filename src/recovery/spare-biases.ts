import type { Graph, Node } from '../graph/graph.js';
import { findOp } from '../graph/ops/index.js';
import { spareReaders, withoutSpares } from '../graph/passes/spare-biases.js';
import { findSharedSites } from './shared-sites.js';
import { findSites, onlyReaderOf, type Site } from './site.js';

/**
 * The graph with those spare biases alone that give a layer somewhere to put a mean. A layer that has a bias or a batch norm behind it
 * needs none; nor does one that reads nothing that could be pruned, or whose mean an instance norm takes away.
 * @param plain the graph without any
 */
export function withNeededSpares(graph: Graph, plain: Graph = withoutSpares(graph)): Graph {
  if (plain === graph) return graph;
  const made = valuesOfLayers(plain);
  const only = onlyReaderOf(plain);
  const isWanting = ({ node, offset }: Site): boolean =>
    !offset && made.has(node.inputs[0]) && only(node.outputs[0])?.op !== 'InstanceNormalization';
  const wanting = new Set(sitesOf(plain).flatMap((site) => (isWanting(site) ? [site.node.name] : [])));
  const readers = spareReaders(graph);
  const isNeeded = (id: string): boolean => readers.get(id)?.some(({ name }) => wanting.has(name)) ?? false;
  const needed = withoutSpares(graph, (id, { role }) => role === 'spare' && !isNeeded(id));
  // Some are no bias that can be set: of layers that share weights and are read otherwise, say.
  const set = new Set(sitesOf(needed).flatMap(({ offset }) => (offset?.kind === 'constant' ? [offset.id] : [])));
  return withoutSpares(needed, (id, { role }) => role === 'spare' && !set.has(id));
}

function sitesOf(graph: Graph): Site[] {
  return [...findSites(graph), ...findSharedSites(graph).flatMap(({ sites }) => sites)];
}

/** Values that layers with weights have made, at once or by way of other nodes. */
function valuesOfLayers(graph: Graph): ReadonlySet<string> {
  const values = new Set<string>();
  const isLayer = (node: Node): boolean =>
    findOp(node.op)?.parametric?.(
      node,
      node.inputs.map((id) => graph.values.get(id)),
    ) !== undefined;
  for (const node of graph.nodes) {
    if (isLayer(node) || node.inputs.some((id) => values.has(id))) for (const id of node.outputs) values.add(id);
  }
  return values;
}
