import { type Attrs, consumers, type Graph, type Node } from '../../../../graph/graph.js';
import { rectifier } from './activations.js';
import { inOrder } from './in-order.js';

/** The rectifier that a gradient node goes back through. */
function rectifierOfGradient(node: Node): Attrs | undefined {
  if (node.op === 'ReluGrad') return rectifier({ ...node, op: 'Relu' });
  return node.op === 'ClipGrad' ? rectifier({ ...node, op: 'Clip' }) : undefined;
}

/**
 * The gradient of a rectifier as part of that of the norm before it: the norm's gets y as a sixth input, and where others
 * read the rectified gradient too (a residual branch), that is its fourth output.
 */
export function fuseNormGradients(graph: Graph<number>): Graph<number> {
  const made = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  const readers = consumers(graph);
  const gone = new Set<Node>();
  const fused = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const gradient = node.op === 'BatchNormalizationGrad' ? made.get(node.inputs[0]) : undefined;
    const attrs = gradient && rectifierOfGradient(gradient);
    if (!gradient || !attrs || gone.has(gradient)) continue;
    const [dy, y] = gradient.inputs;
    const [rectified] = gradient.outputs;
    const isShared = readers.get(rectified)!.length > 1 || outputs.has(rectified);
    gone.add(gradient);
    fused.set(node, {
      ...node,
      attrs: { ...node.attrs, ...attrs },
      inputs: [dy, ...node.inputs.slice(1), y],
      outputs: isShared ? [...node.outputs, rectified] : node.outputs,
    });
  }
  const nodes = graph.nodes.flatMap((node) => (gone.has(node) ? [] : [fused.get(node) ?? node]));
  return { ...graph, nodes: inOrder(nodes) };
}
