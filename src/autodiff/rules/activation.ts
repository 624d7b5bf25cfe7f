import type { Attrs } from '../../graph/graph.js';
import type { GradientRule } from './gradient-rule.js';
import { positiveAxis } from './reshaping.js';

/** The rule of an activation that has a gradient primitive, which reads the input x or the output y. */
export function primitive(op: string, saved: 'x' | 'y'): GradientRule {
  return (node, dy, { builder: b }) => [b.op(op, [dy, saved === 'x' ? node.inputs[0] : node.outputs[0]], node.attrs)];
}

export const identityGradient: GradientRule = (_node, dy) => [dy];

export const negGradient: GradientRule = (_node, dy, { builder: b }) => [b.op('Neg', [dy])];

export const expGradient: GradientRule = (node, dy, { builder: b }) => [b.op('Mul', [dy, node.outputs[0]])];

export const logGradient: GradientRule = (node, dy, { builder: b }) => [b.op('Div', [dy, node.inputs[0]])];

/** y = √x: dx = dy/(2y). */
export const sqrtGradient: GradientRule = (node, dy, { builder: b }) => {
  const [y] = node.outputs;
  return [b.op('Div', [dy, b.op('Add', [y, y])])];
};

/** dx = dy·sign(x); 0 at 0. */
export const absGradient: GradientRule = (node, dy, { builder: b }) => {
  const [x] = node.inputs;
  const zero = b.scalar(0, x);
  const { dtype } = b.spec(x);
  const positive = b.op('Cast', [b.op('Greater', [x, zero])], { to: dtype });
  const negative = b.op('Cast', [b.op('Less', [x, zero])], { to: dtype });
  return [b.op('Mul', [dy, b.op('Sub', [positive, negative])])];
};

const alongAxis = (attrs: Attrs, rank: number): Attrs => ({
  axes: [positiveAxis(Number(attrs.axis ?? -1), rank)],
  keepdims: 1,
});

/** dx = y·(dy - Σ dy·y). */
export const softmaxGradient: GradientRule = (node, dy, { builder: b }) => {
  const [y] = node.outputs;
  const sum = b.op('ReduceSum', [b.op('Mul', [dy, y])], alongAxis(node.attrs, b.shape(y).length));
  return [b.op('Mul', [y, b.op('Sub', [dy, sum])])];
};

/** dx = dy - exp(y)·Σ dy. */
export const logSoftmaxGradient: GradientRule = (node, dy, { builder: b }) => {
  const [y] = node.outputs;
  const sum = b.op('ReduceSum', [dy], alongAxis(node.attrs, b.shape(y).length));
  return [b.op('Sub', [dy, b.op('Mul', [b.op('Exp', [y]), sum])])];
};
