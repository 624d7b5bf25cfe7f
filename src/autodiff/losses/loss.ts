import type { StepBuilder } from '../step-builder.js';

/** A loss of logits `[N, classes]` against a target distribution of the same shape. */
export interface Loss {
  /** The loss of each sample, `[N]`. */
  perSample(b: StepBuilder, logits: string, target: string): string;
  /** The gradient of the mean of {@link perSample} by the logits. `samples` is N as a scalar. */
  meanGradient(b: StepBuilder, logits: string, target: string, samples: string): string;
}
