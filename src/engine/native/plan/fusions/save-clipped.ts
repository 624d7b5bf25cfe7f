import type { Graph, Node } from '../../../../graph/graph.js';

/**
 * The gradient of a clip may read its output for its input: strictly between the bounds they are equal, and at or beyond them
 * both give 0. Then nothing reads the input any more, and the clip can be part of what computes it.
 */
export function saveClipped(graph: Graph<number>): Graph<number> {
  const clips = new Map<string, Node>();
  for (const node of graph.nodes) if (node.op === 'Clip') clips.set(node.inputs[0], node);
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'ClipGrad') return node;
    const [dy, x] = node.inputs;
    const clip = clips.get(x);
    const isSame = clip && clip.attrs.min === node.attrs.min && clip.attrs.max === node.attrs.max;
    return isSame && Number(clip.attrs.min) < Number(clip.attrs.max)
      ? { ...node, inputs: [dy, clip.outputs[0]] }
      : node;
  });
  return { ...graph, nodes };
}
