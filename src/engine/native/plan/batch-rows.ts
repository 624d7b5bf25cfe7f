import type { Graph, Node } from '../../../graph/graph.js';
import type { OpSpec } from '../../../graph/op-spec.js';
import { findOp } from '../../../graph/ops/index.js';

/** Where an op says nothing else. Inputs that it doesn't have itself are the residuals of fusions. */
function byWhatIsMixed({ inputs: [, most], mixes, view }: OpSpec, node: Node, rank: number): readonly boolean[] {
  const mixesRows = mixes?.(node, rank).includes(0) ?? view !== 'same';
  return node.inputs.map((_, i) => !mixesRows && (i === 0 || i >= most));
}

/**
 * Which inputs a node reads by rows of the first axis: row i of every output is made of row i of those, and of all of the
 * others. Undefined where it isn't, or of nothing that has rows.
 */
export function rowInputs(graph: Graph<number>, node: Node): readonly boolean[] | undefined {
  const shapeOf = (id: string): readonly number[] => (id === '' ? [] : graph.values.get(id)!.shape);
  const output = shapeOf(node.outputs[0]);
  const spec = findOp(node.op);
  if (!spec || !(output[0] > 1) || node.outputs.some((id) => shapeOf(id)[0] !== output[0])) return undefined;
  const inputs = node.inputs.map(shapeOf);
  const rule = spec.byRows?.(node, inputs, output) ?? byWhatIsMixed(spec, node, inputs[0].length);
  const byRows = rule.map((is, i) => is && node.inputs[i] !== '');
  const fits = byRows.includes(true) && byRows.every((is, i) => !is || inputs[i][0] === output[0]);
  return fits ? byRows : undefined;
}
