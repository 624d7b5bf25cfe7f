import { type Graph, type GraphOutput, type Node, producers } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import type { DType } from '../../graph/tensor.js';
import { PASSED_ON } from '../../graph/value-range.js';

/** Activations between 0 or -1 and 1, that are as exact as that range is wide: a result near 0 is mostly rounding. */
const SATURATING: ReadonlySet<string> = new Set(['Softmax', 'Sigmoid', 'HardSigmoid', 'Tanh']);

/** The least that a value of an op counts as when differences are set against it. */
export function leastScaleOf(op: string | undefined): number {
  return op !== undefined && SATURATING.has(op) ? 1 : 0;
}

/** What jumps where its input moves by as little as rounding, and shows nothing of what moves it less. */
const JUMPING: ReadonlySet<string> = new Set(['ArgMax', 'Equal', 'Greater', 'Less']);
const ROUNDING: ReadonlySet<string> = new Set(['Ceil', 'Floor', 'Round', 'Sign']);
const isFloat = (dtype: DType | undefined): boolean => dtype === 'float32' || dtype === 'float64';

/** An output, or what goes into its closing activation. */
export interface Head extends GraphOutput {
  readonly leastScale: number;
  /** Labels, truths, rounded numbers: a few may jump, however far, where sums are rounded otherwise. */
  readonly jumps: boolean;
  /** It is no output of the model, and may be infinite: a mask is, that goes into a softmax. */
  readonly inner: boolean;
}

/**
 * The outputs of a graph, and what goes into those that close with a saturating activation or with a choice of the largest:
 * a saturated one hides differences, and so does a label.
 * @param logits `instead`: of such an output, only what goes in
 */
export function headsOf(graph: Graph, logits: 'too' | 'instead'): Head[] {
  const makers = producers(graph);
  const computed = (id: string): boolean =>
    id !== '' && !graph.constants.has(id) && isFloat(graph.values.get(id)?.dtype);
  const behind = (output: GraphOutput, inner: boolean): Head[] => {
    const { closing, whole } = makerBehindViews(graph, makers, output.value);
    const leastScale = leastScaleOf(closing?.op);
    const head = { ...output, leastScale, jumps: whole || ROUNDING.has(String(closing?.attrs.opType)), inner };
    const source = closing && (leastScale > 0 || JUMPING.has(closing.op)) ? closing.inputs.find(computed) : undefined;
    if (!closing || source === undefined) return [head];
    const before = behind({ name: `${output.name} before ${closing.op}`, value: source }, true);
    return logits === 'too' ? [head, ...before] : before;
  };
  return graph.outputs.flatMap((output) => behind(output, false));
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
