import type { Node } from '../../graph/graph.js';
import { reducedAxes } from '../../graph/ops/reduce.js';
import type { StepBuilder } from '../step-builder.js';
import type { GradientRule } from './gradient-rule.js';
import { knownExtents, reshapeTo, sumToShape } from './reshaping.js';

/** A value of the reduction's output shape, with the reduced axes as axes of one index. */
function withReducedAxes(b: StepBuilder, node: Node, value: string): string {
  const shape = b.shape(node.inputs[0]);
  const axes = reducedAxes(node, shape.length);
  return reshapeTo(
    b,
    node,
    value,
    shape.map((dim, axis) => (axes.has(axis) ? 1 : dim)),
  );
}

/** Every element that was reduced gets the same. */
function spread(b: StepBuilder, node: Node, dy: string): string {
  const shape = b.shape(node.inputs[0]);
  const axes = reducedAxes(node, shape.length);
  const extents = knownExtents(
    node,
    shape.map((dim, axis) => (axes.has(axis) ? dim : 1)),
  );
  return b.op('Expand', [withReducedAxes(b, node, dy)], { shape: extents });
}

export const reduceSumGradient: GradientRule = (node, dy, { builder: b }) => [spread(b, node, dy)];

export const reduceMeanGradient: GradientRule = (node, dy, { builder: b }) => {
  const [x] = node.inputs;
  const count = b.count(node, x, [...reducedAxes(node, b.shape(x).length)]);
  return [spread(b, node, b.op('Div', [dy, count]))];
};

/** Equal maxima share the gradient evenly. */
export const reduceMaxGradient: GradientRule = (node, dy, { builder: b }) => {
  const [x] = node.inputs;
  const axes = [...reducedAxes(node, b.shape(x).length)];
  const isLargest = b.op('Equal', [x, withReducedAxes(b, node, node.outputs[0])]);
  const largest = b.op('Cast', [isLargest], { to: b.spec(x).dtype });
  const count = b.op('ReduceSum', [largest], { axes, keepdims: 1 });
  return [b.op('Mul', [largest, b.op('Div', [withReducedAxes(b, node, dy), count])])];
};

/** What every sample of the batch took of x; `like` only says how many there are. */
export const expandBatchGradient: GradientRule = (_node, dy, { builder: b }) => [
  b.op('ReduceSum', [dy], { axes: [0], keepdims: 1 }),
  undefined,
];

export const expandGradient: GradientRule = (node, dy, { builder: b }) => [sumToShape(b, dy, b.shape(node.inputs[0]))];
