import { type Graph, type GraphOutput, type Node, producers } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import { PASSED_ON } from '../../graph/value-range.js';

/** Activations between 0 or -1 and 1, that are as exact as that range is wide: a result near 0 is mostly rounding. */
const SATURATING: ReadonlySet<string> = new Set(['Softmax', 'Sigmoid', 'HardSigmoid', 'Tanh']);

/** The least that a value of an op counts as when differences are set against it. */
export function leastScaleOf(op: string | undefined): number {
  return op !== undefined && SATURATING.has(op) ? 1 : 0;
}

/** An output, or what goes into its closing activation. */
export interface Head extends GraphOutput {
  readonly leastScale: number;
}

/**
 * The outputs of a graph, and what goes into those that close with a saturating activation: a saturated one hides differences.
 * @param logits `instead`: of such an output, only what goes in
 */
export function headsOf(graph: Graph, logits: 'too' | 'instead'): Head[] {
  const makers = producers(graph);
  return graph.outputs.flatMap((output) => {
    const closing = makerBehindViews(graph, makers, output.value);
    const leastScale = leastScaleOf(closing?.op);
    const head = { ...output, leastScale };
    if (!closing || leastScale === 0) return [head];
    const before = { name: `${output.name} before ${closing.op}`, value: closing.inputs[0], leastScale: 0 };
    return logits === 'too' ? [head, before] : [before];
  });
}

/** What makes a value, past ops that only hand on elements of one value. */
function makerBehindViews(graph: Graph, makers: ReadonlyMap<string, Node>, value: string): Node | undefined {
  const node = makers.get(value);
  if (!node) return undefined;
  const inputs = node.inputs.map((id) => graph.values.get(id));
  const x = { node, inputs, constant: (i: number) => graph.constants.get(node.inputs[i])?.tensor };
  const isView = node.inputs.length === 1 && findOp(node.op)?.wants?.(x, 0) === PASSED_ON;
  return isView ? makerBehindViews(graph, makers, node.inputs[0]) : node;
}
