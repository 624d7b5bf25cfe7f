import type { StepBuilder } from '../step-builder.js';
import type { GradientRule } from './gradient-rule.js';
import { sumToShape } from './reshaping.js';

/** The second input receives where it alone is chosen, the first elsewhere, so where they are equal. */
function choice(chosen: (b: StepBuilder, first: string, second: string) => string): GradientRule {
  return (node, dy, { builder: b, needs }) => {
    const [first, second] = node.inputs;
    const toSecond = b.op('Mul', [dy, b.op('Cast', [chosen(b, first, second)], { to: b.spec(dy).dtype })]);
    return [
      needs(0) ? sumToShape(b, b.op('Sub', [dy, toSecond]), b.shape(first)) : undefined,
      needs(1) ? sumToShape(b, toSecond, b.shape(second)) : undefined,
    ];
  };
}

export const maxGradient = choice((b, first, second) => b.op('Greater', [second, first]));
export const minGradient = choice((b, first, second) => b.op('Less', [second, first]));

/** y = x where x > 0, else slope·x; the slope is broadcast. */
export const preluGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [x, slope] = node.inputs;
  const above = b.op('ReluGrad', [dy, x]);
  const below = b.op('Sub', [dy, above]);
  return [
    needs(0) ? b.op('Add', [above, b.op('Mul', [below, slope])]) : undefined,
    needs(1) ? sumToShape(b, b.op('Mul', [below, x]), b.shape(slope)) : undefined,
  ];
};

/** What is chosen receives; the condition doesn't. */
export const whereGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [condition] = node.inputs;
  const zero = b.scalar(0, dy);
  const part = (i: number, inputs: string[]): string | undefined =>
    needs(i) ? sumToShape(b, b.op('Where', inputs), b.shape(node.inputs[i])) : undefined;
  return [undefined, part(1, [condition, dy, zero]), part(2, [condition, zero, dy])];
};

/** Comparisons are flat wherever they have a slope. */
export const noGradient: GradientRule = () => [];
