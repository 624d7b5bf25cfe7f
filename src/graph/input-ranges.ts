import type { Graph } from './graph.js';
import { findOp } from './ops/index.js';
import { commonRange, type ValueRange } from './value-range.js';

/**
 * Which numbers each graph input is meant to hold, as far as its uses say: what indexes a table lies within its rows, what
 * a `Where` asks is true or false. Uses are followed back through ops that hand elements on. Inputs of which nothing
 * follows are left out.
 * @example inputRanges(graph).get('token_ids') // { low: 0, high: 30521, whole: true }
 */
export function inputRanges(graph: Graph): Map<string, ValueRange> {
  const wanted = new Map<string, ValueRange>();
  for (const node of graph.nodes.toReversed()) {
    const wants = findOp(node.op)?.wants;
    if (!wants) continue;
    const inputs = node.inputs.map((id) => graph.values.get(id));
    const x = { node, inputs, constant: (i: number) => graph.constants.get(node.inputs[i])?.tensor };
    const ofOutput = wanted.get(node.outputs[0]);
    node.inputs.forEach((id, i) => {
      if (id === '' || graph.constants.has(id)) return;
      const found = wants(x, i);
      const range = typeof found === 'function' ? ofOutput && found(ofOutput) : found;
      if (!range) return;
      const other = wanted.get(id);
      wanted.set(id, other ? commonRange(other, range) : range);
    });
  }
  return new Map(graph.inputs.flatMap((id) => (wanted.has(id) ? [[id, wanted.get(id)!] as const] : [])));
}
