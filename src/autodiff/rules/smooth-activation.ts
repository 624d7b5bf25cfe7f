import { geluForm, TANH_GELU_CUBE } from '../../graph/ops/activations.js';
import { numberAttr } from '../../graph/ops/attributes.js';
import type { StepBuilder } from '../step-builder.js';
import type { GradientRule } from './gradient-rule.js';

/** Rules of activations without gradient primitives of their own. x is a node's input, y its output. */

const scaled = (b: StepBuilder, value: string, factor: number): string => b.op('Mul', [value, b.scalar(factor, value)]);
const plus = (b: StepBuilder, value: string, term: number): string => b.op('Add', [value, b.scalar(term, value)]);
const square = (b: StepBuilder, value: string): string => b.op('Mul', [value, value]);

/** y = alpha·(exp(x) - 1) for x ≤ 0, whose derivative is y + alpha. */
export const eluGradient: GradientRule = (node, dy, { builder: b }) => {
  const above = b.op('ReluGrad', [dy, node.inputs[0]]);
  const slope = plus(b, node.outputs[0], numberAttr(node, 'alpha', 1));
  return [b.op('Add', [above, b.op('Mul', [b.op('Sub', [dy, above]), slope])])];
};

export const softplusGradient: GradientRule = (node, dy, { builder: b }) => [
  b.op('Mul', [dy, b.op('Sigmoid', [node.inputs[0]])]),
];

/** 2/√π·exp(-x²). */
function erfSlope(b: StepBuilder, x: string): string {
  return scaled(b, b.op('Exp', [b.op('Neg', [square(b, x)])]), 2 / Math.sqrt(Math.PI));
}

export const erfGradient: GradientRule = (node, dy, { builder: b }) => [b.op('Mul', [dy, erfSlope(b, node.inputs[0])])];

/**
 * Of its own, as what it is made of would keep more values of the forward pass.
 * y = x·(1 + g)/2, where g is erf(x/√2), or tanh(u) with u = √(2/π)·(x + c·x³) for the approximation:
 * dx = dy·(1 + g + x·g')/2.
 */
export const geluGradient: GradientRule = (node, dy, { builder: b }) => {
  const [x] = node.inputs;
  const { gate, slope } = geluForm(node) === 'tanh' ? tanhGate(b, x) : erfGate(b, x);
  const sum = b.op('Add', [plus(b, gate, 1), b.op('Mul', [x, slope])]);
  return [b.op('Mul', [dy, scaled(b, sum, 0.5)])];
};

function erfGate(b: StepBuilder, x: string): { gate: string; slope: string } {
  const z = scaled(b, x, Math.SQRT1_2);
  return { gate: b.op('Erf', [z]), slope: scaled(b, erfSlope(b, z), Math.SQRT1_2) };
}

function tanhGate(b: StepBuilder, x: string): { gate: string; slope: string } {
  const factor = Math.sqrt(2 / Math.PI);
  const squared = square(b, x);
  const inner = b.op('Mul', [x, plus(b, scaled(b, squared, factor * TANH_GELU_CUBE), factor)]);
  const gate = b.op('Tanh', [inner]);
  const innerSlope = plus(b, scaled(b, squared, 3 * factor * TANH_GELU_CUBE), factor);
  return { gate, slope: b.op('TanhGrad', [innerSlope, gate]) };
}

/** y = x^p: dx = dy·p·x^(p-1). */
export const powGradient: GradientRule = (node, dy, { builder: b }) => {
  const [x] = node.inputs;
  const exponent = numberAttr(node, 'exponent', 1);
  if (exponent === 0) return [scaled(b, dy, 0)];
  const slope = exponent === 2 ? x : b.op('Pow', [x], { exponent: exponent - 1 });
  return [b.op('Mul', [scaled(b, dy, exponent), slope])];
};

/** dx = -dy·y². */
export const reciprocalGradient: GradientRule = (node, dy, { builder: b }) => [
  b.op('Neg', [b.op('Mul', [dy, square(b, node.outputs[0])])]),
];
