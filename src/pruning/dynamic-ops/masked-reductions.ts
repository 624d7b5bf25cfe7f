import type { Node } from '../../graph/graph.js';
import { reducedAxes } from '../../graph/ops/reduce.js';
import { type MaskedFormBuilder, meanOfKept } from './masked-norms.js';
import { LEAST } from './mixing-ops.js';

/** What pruned channels are set to, so that they take no part. */
const NEUTRAL: Readonly<Record<string, number>> = { ReduceSum: 0, ReduceMean: 0, ReduceMax: LEAST };

/** A sum, mean or maximum over the kept channels only; undefined where the op is none, or reduces no channel that goes. */
export function maskedReduction(node: Node, m: MaskedFormBuilder): string | undefined {
  const neutral = NEUTRAL[node.op];
  if (neutral === undefined) return undefined;
  const [x] = node.inputs;
  const axes = [...reducedAxes(node, m.shape(x).length)];
  if (!axes.some((axis) => m.counts(x, axis).kept < m.counts(x, axis).full)) return undefined;
  const values = axes.reduce((v, axis) => m.masked(v, x, axis, neutral), x);
  const reduced = m.op(node.op, [values], node.attrs);
  return node.op === 'ReduceMean' ? meanOfKept(m, reduced, x, axes) : reduced;
}
