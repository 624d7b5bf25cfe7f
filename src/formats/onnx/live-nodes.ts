import type { GraphProto } from '../../onnx-proto/index.js';

/** The indices of the nodes that the given values are computed from. */
export function liveNodes(graph: Pick<GraphProto, 'node'>, values: readonly string[]): Set<number> {
  const read = new Set(values);
  const live = new Set<number>();
  for (let i = graph.node.length - 1; i >= 0; i--) {
    const node = graph.node[i];
    if (!node.output.some((name) => name !== '' && read.has(name))) continue;
    live.add(i);
    for (const name of node.input) read.add(name);
  }
  return live;
}
