import type { SliceContext } from '../../graph/channels.js';
import { type Attrs, type Graph, getSpec, type Node, type Shape } from '../../graph/graph.js';
import { getOp } from '../../graph/ops/index.js';

/** Which indices of an axis of a value stay; undefined when all of them do. */
export type KeptOf = (value: string, axis: number) => Int32Array | undefined;

/** The shape of a value once channels are gone. */
export function slicedShape(graph: Graph, value: string, kept: KeptOf): Shape {
  return getSpec(graph, value).shape.map((dim, axis) => kept(value, axis)?.length ?? dim);
}

/** The attributes of a node of the full graph once channels are gone. */
export function slicedAttrs(graph: Graph, node: Node, kept: KeptOf): Attrs {
  const slice = getOp(node.op).slice;
  if (!slice) return node.attrs;
  const context: SliceContext = {
    keptIn: (i, axis) => kept(node.inputs[i], axis),
    keptOut: (i, axis) => kept(node.outputs[i], axis),
    inputShape: (i) => getSpec(graph, node.inputs[i]).shape,
    outputShape: (i) => getSpec(graph, node.outputs[i]).shape,
    newOutputShape: (i) => slicedShape(graph, node.outputs[i], kept),
  };
  return slice(node, context);
}
