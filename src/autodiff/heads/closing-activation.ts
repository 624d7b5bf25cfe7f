import { dimProduct } from '../../graph/dims.js';
import { type Graph, getSpec, type Node, producers, type Shape } from '../../graph/graph.js';
import { intsAttr } from '../../graph/ops/attributes.js';
import { findOp } from '../../graph/ops/index.js';

/** The activation that an output ends in. */
export interface ClosingActivation {
  readonly node: Node;
  /** Nodes that only rearrange what the activation gives, in order; the last one makes the output. */
  readonly tail: readonly Node[];
  /** The output's axis along which a softmax runs, where the tail keeps it one. */
  readonly axis?: number;
}

/** Classes of a value `[N, 1…, classes, 1…]`; undefined for any other shape. */
export function countClasses(shape: Shape): number | undefined {
  const rest = shape.slice(1);
  if (rest.length === 0 || rest.some((dim) => typeof dim !== 'number')) return undefined;
  return rest.filter((dim) => dim !== 1).length <= 1 ? dimProduct(rest).coefficient : undefined;
}

/** The activation behind an output, past what only rearranges it; undefined where there is none. */
export function findClosingActivation(graph: Graph, output: string): ClosingActivation | undefined {
  const made = producers(graph);
  const batch = getSpec(graph, output).shape[0];
  const tail: Node[] = [];
  for (let node = made.get(output); node; node = made.get(node.inputs[0])) {
    const { probabilities, mixes, saturates, view } = findOp(node.op) ?? {};
    if (probabilities === 'axis' && mixes) {
      const { shape } = getSpec(graph, node.inputs[0]);
      const axis = outerAxis(graph, mixes(node, shape.length)[0], shape, tail);
      return { node, tail, ...(axis === undefined ? {} : { axis }) };
    }
    if (saturates) return { node, tail };
    if (!view || view === 'strided' || getSpec(graph, node.inputs[0]).shape[0] !== batch) return undefined;
    tail.unshift(node);
  }
  return undefined;
}

/** Where an axis of the first node's input stands in the last one's output. A reshape keeps the only wide axis. */
function outerAxis(graph: Graph, axis: number, shape: Shape, tail: readonly Node[]): number | undefined {
  if (axis === 0) return undefined;
  let at = axis;
  let before = shape;
  for (const node of tail) {
    const after = getSpec(graph, node.outputs[0]).shape;
    if (node.op === 'Transpose') {
      const reversed = before.map((_, i) => before.length - 1 - i);
      at = intsAttr(node, 'perm', reversed).indexOf(at);
    } else if (node.op === 'Reshape' || node.op === 'Flatten') {
      const classes = countClasses(before);
      if (classes === undefined || before[at] !== classes || countClasses(after) !== classes) return undefined;
      at = after.indexOf(classes, 1);
    }
    if (at <= 0) return undefined;
    before = after;
  }
  return at;
}
