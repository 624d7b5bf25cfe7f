import type { OptimizerSpec } from '../training-step.js';
import { decayedGradient, type Optimizer } from './optimizer.js';

/** PyTorch's SGD: g += weightDecay·w; v = momentum·v + g; w -= learningRate·v. Without momentum there is no slot. */
export function createSgd(spec: OptimizerSpec & { type: 'sgd' }): Optimizer {
  const remembers = spec.momentum !== 0;
  return {
    slots: remembers ? ['momentum'] : [],
    usesStep: false,
    update(b, update) {
      const gradient = decayedGradient(b, update, spec.weightDecay);
      const velocity = remembers
        ? b.op('Add', [b.op('Mul', [update.slots[0], b.scalar(spec.momentum, gradient)]), gradient])
        : gradient;
      return {
        parameter: b.op('Sub', [update.parameter, b.op('Mul', [velocity, update.learningRate])]),
        slots: remembers ? [velocity] : [],
      };
    },
  };
}
