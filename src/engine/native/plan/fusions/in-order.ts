import type { Node } from '../../../../graph/graph.js';

/**
 * Nodes after those that they read from, otherwise as they stand: a fused node has the place of one of its parts.
 * @throws Error for nodes that wait for each other.
 */
export function inOrder(nodes: readonly Node[]): Node[] {
  const made = new Map(nodes.flatMap((node) => node.outputs.map((id) => [id, node] as const)));
  const state = new Map<Node, 'open' | 'done'>();
  const ordered: Node[] = [];
  const visit = (node: Node): void => {
    if (state.get(node) === 'done') return;
    if (state.get(node) === 'open') throw new Error(`node ${node.name} waits for itself`);
    state.set(node, 'open');
    for (const id of node.inputs) {
      const source = made.get(id);
      if (source) visit(source);
    }
    state.set(node, 'done');
    ordered.push(node);
  };
  for (const node of nodes) visit(node);
  return ordered;
}
