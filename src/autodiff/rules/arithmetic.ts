import type { GradientRule } from './gradient-rule.js';
import { sumToShape } from './reshaping.js';

/** y = a + b, broadcast. */
export const addGradient: GradientRule = (node, dy, { builder: b, needs }) =>
  node.inputs.map((input, i) => (needs(i) ? sumToShape(b, dy, b.shape(input)) : undefined));

/** y = a - b, broadcast. */
export const subGradient: GradientRule = (node, dy, { builder: b, needs }) => [
  needs(0) ? sumToShape(b, dy, b.shape(node.inputs[0])) : undefined,
  needs(1) ? b.op('Neg', [sumToShape(b, dy, b.shape(node.inputs[1]))]) : undefined,
];

/** y = a·c: da = dy·c, dc = dy·a. */
export const mulGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [a, c] = node.inputs;
  return [
    needs(0) ? sumToShape(b, b.op('Mul', [dy, c]), b.shape(a)) : undefined,
    needs(1) ? sumToShape(b, b.op('Mul', [dy, a]), b.shape(c)) : undefined,
  ];
};

/** y = a/c: da = dy/c, dc = -dy·y/c. */
export const divGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [a, c] = node.inputs;
  const scaled = b.op('Div', [dy, c]);
  return [
    needs(0) ? sumToShape(b, scaled, b.shape(a)) : undefined,
    needs(1) ? b.op('Neg', [sumToShape(b, b.op('Mul', [scaled, node.outputs[0]]), b.shape(c))]) : undefined,
  ];
};
