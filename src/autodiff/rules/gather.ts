import type { Shape } from '../../graph/graph.js';
import { intAttr } from '../../graph/ops/attributes.js';
import type { GradientRule } from './gradient-rule.js';
import { knownExtents, positiveAxis, reshapeTo } from './reshaping.js';

/**
 * By a table (axis 0) each row sums the gradients of the places that took it. By another axis a product with a matrix of
 * ones where an index was taken does it.
 */
export const gatherGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [data, indices] = node.inputs;
  const shape = b.shape(data);
  const axis = positiveAxis(intAttr(node, 'axis', 0), shape.length);
  const [extent] = knownExtents(node, [shape[axis]]);
  if (!needs(0)) return [undefined, undefined];
  if (axis === 0) return [b.op('GatherGrad', [dy, indices], { rows: extent }), undefined];
  const taken = knownExtents(node, b.shape(indices)).reduce((product, d) => product * d, 1);
  const flat = reshapeTo(b, node, indices, [taken]);
  const fromEnd = b.op('Less', [flat, b.scalar(0, flat)]);
  const wrapped = b.op('Where', [fromEnd, b.op('Add', [flat, b.scalar(extent, flat)]), flat]);
  const where = b.op('Transpose', [b.op('OneHot', [wrapped], { depth: extent })], { perm: [1, 0] });
  const behind = knownExtents(node, shape.slice(axis + 1)).reduce((product, d) => product * d, 1);
  const columns = (count: number): Shape => [...shape.slice(0, axis), count, behind];
  const summed = b.op('MatMul', [where, reshapeTo(b, node, dy, columns(taken))]);
  return [reshapeTo(b, node, summed, shape), undefined];
};
