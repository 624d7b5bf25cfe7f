import { type Graph, type GraphOutput, type Node, producers } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import type { DType } from '../../graph/tensor.js';
import { PASSED_ON } from '../../graph/value-range.js';

/** The least that a value of an op counts as when differences are set against it. */
export function leastScaleOf(op: string | undefined): number {
  return op !== undefined && findOp(op)?.saturates ? 1 : 0;
}

const isFloat = (dtype: DType | undefined): boolean => dtype === 'float32' || dtype === 'float64';
const nameOf = (node: Node | undefined): string =>
  node?.op === 'Opaque' ? String(node.attrs.opType) : String(node?.op);

/** An output, or what goes into its closing op. */
export interface Head extends GraphOutput {
  /** The number of the output, and of the inputs on the way from it: the same in two graphs of one model. */
  readonly place: string;
  readonly leastScale: number;
  /** Labels, truths, rounded numbers: a few may jump, however far, where sums are rounded otherwise. */
  readonly jumps: boolean;
  /** It is no output of the model, and may be infinite: a mask is, that goes into a softmax. */
  readonly inner: boolean;
}

/**
 * The outputs of a graph, and what goes into those that close with an op that hides differences: a saturating activation, a
 * choice of the largest, an offset, a concatenation of what is large and what is small.
 * @param logits `instead`: of such an output, only what goes in
 */
export function headsOf(graph: Graph, logits: 'too' | 'instead'): Head[] {
  const makers = producers(graph);
  const computed = (id: string): boolean => makers.has(id) && isFloat(graph.values.get(id)?.dtype);
  const hides = (closing: Node): boolean =>
    leastScaleOf(closing.op) > 0 ||
    findOp(closing.op)?.hides?.(closing, (i) => graph.constants.has(closing.inputs[i])) === true;
  const behind = (output: GraphOutput, place: string, inner: boolean): Head[] => {
    const { closing, whole } = makerBehindViews(graph, makers, output.value);
    const jumps = whole || (closing !== undefined && findOp(closing.op)?.rounds?.(closing) === true);
    const head = { ...output, place, leastScale: leastScaleOf(closing?.op), jumps, inner };
    const before = (closing && hides(closing) ? closing.inputs : []).flatMap((value, i) => {
      const name = `${output.name} before ${nameOf(closing)}${i === 0 ? '' : `, ${i}`}`;
      return computed(value) ? behind({ name, value }, `${place}/${i}`, true) : [];
    });
    return logits === 'too' || before.length === 0 ? [head, ...before] : before;
  };
  const heads = graph.outputs.flatMap((output, i) => behind(output, String(i), false));
  const first = new Map(heads.toReversed().map((head) => [head.value, head]));
  return heads.filter((head) => !head.inner || first.get(head.value) === head);
}

/** What makes a value, past ops that only hand on elements of one value; whether it has whole numbers on the way. */
function makerBehindViews(
  graph: Graph,
  makers: ReadonlyMap<string, Node>,
  value: string,
): { closing: Node | undefined; whole: boolean } {
  const node = makers.get(value);
  const whole = !isFloat(graph.values.get(value)?.dtype);
  if (!node) return { closing: node, whole };
  const inputs = node.inputs.map((id) => graph.values.get(id));
  const x = { node, inputs, constant: (i: number) => graph.constants.get(node.inputs[i])?.tensor };
  const isView = node.inputs.length === 1 && findOp(node.op)?.wants?.(x, 0) === PASSED_ON;
  if (!isView) return { closing: node, whole };
  const before = makerBehindViews(graph, makers, node.inputs[0]);
  return { ...before, whole: whole || before.whole };
}
