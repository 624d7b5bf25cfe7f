import type { OptimizerSpec } from '../training-step.js';
import { average } from './adam.js';
import { decayedGradient, type Optimizer } from './optimizer.js';

/**
 * PyTorch's RMSprop (Hinton's lecture 6e), with rho for its alpha: v = rho·v + (1-rho)g²; d = g/(√v + ε); with momentum
 * d = momentum·(the last d) + g/(√v + ε); w -= learningRate·d. Weight decay goes into g.
 */
export function createRmsprop(spec: OptimizerSpec & { type: 'rmsprop' }): Optimizer {
  const remembers = spec.momentum !== 0;
  return {
    slots: remembers ? ['v', 'momentum'] : ['v'],
    usesStep: false,
    update(b, update) {
      const gradient = decayedGradient(b, update, spec.weightDecay);
      const v = average(b, update.slots[0], b.op('Mul', [gradient, gradient]), spec.rho);
      const root = b.op('Sqrt', [v]);
      const scaled = b.op('Div', [gradient, b.op('Add', [root, b.scalar(spec.epsilon, root)])]);
      const change = remembers
        ? b.op('Add', [b.op('Mul', [update.slots[1], b.scalar(spec.momentum, scaled)]), scaled])
        : scaled;
      return {
        parameter: b.op('Sub', [update.parameter, b.op('Mul', [change, update.learningRate])]),
        slots: remembers ? [v, change] : [v],
      };
    },
  };
}
