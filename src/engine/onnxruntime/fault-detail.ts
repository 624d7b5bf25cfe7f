import type { Graph } from '../../graph/graph.js';

/** How onnxruntime reports a kernel that failed: the node's name, as lowerings give it, and what the kernel says. */
const FAILED_NODE = /while running (\S+) node\. Name:'(.*?)' Status Message: ([\s\S]*)/;

/** Before what a check says stand its place in onnxruntime's sources and its condition. */
const FAILED_CHECK = /^[\s\S]* was false\. ?/;

/** What onnxruntime says, with the layer of the graph that it says it of. */
export function faultDetail(graph: Graph, cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const [, opType, name, status] = FAILED_NODE.exec(message) ?? [];
  if (status === undefined) return message;
  const node = graph.nodes.find((n) => name === n.name || name.startsWith(`${n.name}/`));
  const said = status.replace(FAILED_CHECK, '');
  return `${node?.layer ?? name} (${node?.op ?? opType}): ${said}`;
}
