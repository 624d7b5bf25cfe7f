import type { Node } from '../../graph/graph.js';
import { reducedAxes } from '../../graph/ops/reduce.js';
import { type MaskedFormBuilder, meanOfKept } from './masked-norms.js';

/** A mean over the kept channels only; undefined where the op is none, or takes the mean of no channel that goes. */
export function maskedMean(node: Node, m: MaskedFormBuilder): string | undefined {
  if (node.op !== 'ReduceMean') return undefined;
  const [x] = node.inputs;
  const axes = [...reducedAxes(node, m.shape(x).length)];
  if (!axes.some((axis) => m.counts(x, axis).kept < m.counts(x, axis).full)) return undefined;
  const values = axes.reduce((v, axis) => m.masked(v, x, axis, 0), x);
  return meanOfKept(m, m.op('ReduceMean', [values], node.attrs), x, axes);
}
