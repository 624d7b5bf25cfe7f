import type { StepBuilder } from '../step-builder.js';
import type { OptimizerSpec } from '../training-step.js';
import { decayedGradient, decayedParameter, type Optimizer } from './optimizer.js';

/**
 * Adam (Kingma & Ba 2015) as PyTorch computes it: m = β₁m + (1-β₁)g; v = β₂v + (1-β₂)g²;
 * w -= learningRate · m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + ε). Weight decay goes into g; in AdamW (Loshchilov & Hutter 2019) the
 * weights themselves shrink first, by learningRate · weightDecay.
 */
export function createAdam(spec: OptimizerSpec & { type: 'adam' | 'adamw' }): Optimizer {
  const decoupled = spec.type === 'adamw';
  return {
    slots: ['m', 'v'],
    usesStep: true,
    update(b, update) {
      if (update.step === undefined) throw new Error('Adam needs the number of the step');
      const gradient = decoupled ? update.gradient : decayedGradient(b, update, spec.weightDecay);
      const m = average(b, update.slots[0], gradient, spec.beta1);
      const v = average(b, update.slots[1], b.op('Mul', [gradient, gradient]), spec.beta2);
      const direction = b.op('Div', [m, biasCorrection(b, update.step, spec.beta1)]);
      const scale = b.op('Sqrt', [b.op('Div', [v, biasCorrection(b, update.step, spec.beta2)])]);
      const change = b.op('Div', [direction, b.op('Add', [scale, b.scalar(spec.epsilon, scale)])]);
      const parameter = decoupled ? decayedParameter(b, update, spec.weightDecay) : update.parameter;
      return {
        parameter: b.op('Sub', [parameter, b.op('Mul', [change, update.learningRate])]),
        slots: [m, v],
      };
    },
  };
}

/** β·old + (1-β)·value. */
export function average(b: StepBuilder, old: string, value: string, beta: number): string {
  return b.op('Add', [b.op('Mul', [old, b.scalar(beta, old)]), b.op('Mul', [value, b.scalar(1 - beta, old)])]);
}

/** 1 - βᵗ. With x = t·ln β it is -tanh(x/2)·(eˣ + 1), which keeps its digits in float32 where βᵗ is close to 1. */
function biasCorrection(b: StepBuilder, step: string, beta: number): string {
  const half = b.op('Mul', [step, b.scalar(Math.log(beta) / 2, step)]);
  const power = b.op('Exp', [b.op('Add', [half, half])]);
  return b.op('Mul', [b.op('Neg', [b.op('Tanh', [half])]), b.op('Add', [power, b.scalar(1, step)])]);
}
