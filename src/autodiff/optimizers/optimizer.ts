import type { StepBuilder } from '../step-builder.js';

/** One parameter's update. All are values of the step graph. */
export interface Update {
  readonly parameter: string;
  readonly gradient: string;
  /** The optimizer's slots for this parameter, in the order of {@link Optimizer.slots}. */
  readonly slots: readonly string[];
  readonly learningRate: string;
  /** The number of this step, from 1. Present when the optimizer {@link Optimizer.usesStep}. */
  readonly step?: string;
  /** Whether weight decay applies: to weights, not to biases and norms. */
  readonly decays: boolean;
}

export interface Optimizer {
  readonly slots: readonly string[];
  readonly usesStep: boolean;
  update(b: StepBuilder, update: Update): { parameter: string; slots: readonly string[] };
}

/** gradient + weightDecay·parameter, where it applies: decay coupled into the gradient, as PyTorch's optimizers do. */
export function decayedGradient(b: StepBuilder, update: Update, weightDecay: number): string {
  const { gradient, parameter, decays } = update;
  if (!decays || weightDecay === 0) return gradient;
  return b.op('Add', [gradient, b.op('Mul', [parameter, b.scalar(weightDecay, parameter)])]);
}

/** parameter·(1 - learningRate·weightDecay), where it applies. */
export function decayedParameter(b: StepBuilder, update: Update, weightDecay: number): string {
  const { parameter, learningRate, decays } = update;
  if (!decays || weightDecay === 0) return parameter;
  const share = b.op('Mul', [learningRate, b.scalar(weightDecay, learningRate)]);
  return b.op('Sub', [parameter, b.op('Mul', [parameter, share])]);
}
