import { numberAttr } from '../../graph/ops/attributes.js';
import type { TrainingForm } from './training-form.js';

/** Multiplies by a mask that is an input of the step: 0 where dropped, 1/(1 - ratio) where kept. */
export const dropoutForm: TrainingForm = (node, [x], context) => {
  const { builder: b } = context;
  const ratio = numberAttr(node, 'ratio', 0.5);
  if (ratio === 0) return { output: x, gradient: (dy) => [dy] };
  const mask = context.dropoutMask(node, ratio, x);
  return { output: b.op('Mul', [x, mask]), gradient: (dy) => [b.op('Mul', [dy, mask])] };
};
