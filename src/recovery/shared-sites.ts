import { consumers, type Graph, type Node } from '../graph/graph.js';
import { flagAttr } from '../graph/ops/attributes.js';
import { groupCount } from '../graph/ops/index.js';
import { type AddedBias, addedBias, formOf, isPerChannel, onlyReaderOf, type Site, withSum } from './site.js';

/** Layers that have their weights in common, and their bias, if any. */
export interface SharedSites {
  readonly sites: readonly Site[];
  /** By site, whether what goes into it can't be known before the weights are. */
  readonly isBehind: readonly boolean[];
}

/**
 * Layers that share weights, each of which reads them as the others do; those with biases of their own are left alone. Batch norms
 * behind them stay as they are, since each has its own: the layers are to give what the norms were given.
 */
export function findSharedSites(graph: Graph): SharedSites[] {
  const readers = consumers(graph);
  const only = onlyReaderOf(graph);
  const place = new Map(graph.nodes.map((node, i) => [node, i]));
  const groups = [...graph.constants.keys()].flatMap((weights): Group[] => {
    const nodes = [...new Set(readers.get(weights) ?? [])].sort((a, b) => place.get(a)! - place.get(b)!);
    const [first] = nodes;
    const form = nodes.length > 1 ? formOf(graph, first) : undefined;
    if (!form || !nodes.every((node) => isAlike(graph, node, first, weights))) return [];
    const own = first.inputs[2] || undefined;
    const isCommon = (bias: string, adders: readonly Node[]): boolean => {
      const all = new Set(readers.get(bias));
      return graph.constants.has(bias) && all.size === adders.length && adders.every((node) => all.has(node));
    };
    if (own !== undefined && !(isCommon(own, nodes) && isPerChannel(graph, own, first.outputs[0], form))) return [];
    const sums = own === undefined ? nodes.map((node) => only(node.outputs[0])) : [];
    const added = sums.map((sum, i) =>
      addedBias(graph, sum, nodes[i].outputs[0], form, (id) => graph.constants.has(id)),
    );
    const isAdded = added[0] && added.every((each) => each?.bias === added[0]?.bias);
    const common = isAdded && isCommon(added[0]!.bias, sums as Node[]) ? (added as AddedBias[]) : undefined;
    const bias = own ?? common?.[0].bias;
    const offset = bias === undefined ? undefined : { kind: 'constant' as const, id: bias };
    const behind = valuesBehind(graph, nodes);
    const sites = nodes.map((node, i) => {
      const site = { node, weights, form, offset, target: common?.[i].target ?? node.outputs[0] };
      const { sum } = withSum(graph, site, only);
      return sum && !behind.has(sum.other) && !behind.has(node.inputs[0]) ? { ...site, sum } : site;
    });
    return [{ sites, behind }];
  });
  return withOrder(groups);
}

interface Group {
  readonly sites: readonly Site[];
  /** Values that depend on what its layers give. */
  readonly behind: ReadonlySet<string>;
}

/** Weights are settled after what goes into their layers, unless that waits for them, by itself or by way of other groups. */
function withOrder(groups: readonly Group[]): SharedSites[] {
  const waits = new Map(groups.map((group) => [group, new Set<Group>()]));
  const isAfter = (group: Group, other: Group): boolean => {
    return group === other || [...waits.get(group)!].some((next) => isAfter(next, other));
  };
  return groups.map((group) => {
    const isBehind = group.sites.map(({ node, sum }) => {
      const read = sum ? [node.inputs[0], sum.other] : [node.inputs[0]];
      const makers = groups.filter(({ behind }) => read.some((id) => behind.has(id)));
      if (makers.some((maker) => isAfter(maker, group))) return true;
      for (const maker of makers) waits.get(group)!.add(maker);
      return false;
    });
    const sites = group.sites.map((site, i) => (isBehind[i] ? { ...site, sum: undefined } : site));
    return { sites, isBehind };
  });
}

/** Whether two nodes make the same of the same weights, and have the same bias. */
function isAlike(graph: Graph, node: Node, first: Node, weights: string): boolean {
  return (
    node.op === first.op &&
    formOf(graph, node) !== undefined &&
    node.inputs.indexOf(weights) === 1 &&
    node.inputs.lastIndexOf(weights) === 1 &&
    (node.inputs[2] || undefined) === (first.inputs[2] || undefined) &&
    groupCount(node) === groupCount(first) &&
    flagAttr(node, 'transB', false) === flagAttr(first, 'transB', false)
  );
}

/** All values that depend on what these nodes give. */
function valuesBehind(graph: Graph, nodes: readonly Node[]): ReadonlySet<string> {
  const values = new Set(nodes.flatMap(({ outputs }) => outputs));
  for (const { inputs, outputs } of graph.nodes) {
    if (inputs.some((id) => values.has(id))) for (const id of outputs) values.add(id);
  }
  return values;
}
