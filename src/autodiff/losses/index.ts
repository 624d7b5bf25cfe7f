import type { Head } from '../heads/head.js';
import type { StepBuilder } from '../step-builder.js';
import type { LossKind } from '../training-step.js';
import { binaryCrossEntropy, softBinaryCrossEntropy } from './binary-cross-entropy.js';
import { crossEntropy, softCrossEntropy } from './cross-entropy.js';
import { absoluteError, huber, squaredError } from './distance.js';
import { type Loss, times } from './loss.js';

export const LOSS_KINDS: readonly LossKind[] = ['cross_entropy', 'binary_cross_entropy', 'mse', 'mae', 'huber'];

/** Against labels. */
const HARD: Readonly<Record<LossKind, (head: Head) => Loss>> = {
  cross_entropy: () => crossEntropy,
  binary_cross_entropy: ({ width }) => binaryCrossEntropy(width),
  mse: ({ width }) => squaredError(width),
  mae: ({ width }) => absoluteError(width),
  huber: ({ width, options }) => huber(width, options.huberDelta ?? 1),
};

/** Against the original's logits or numbers. */
const SOFT: Readonly<Record<LossKind, (head: Head, temperature: number) => Loss>> = {
  cross_entropy: (_head, temperature) => softCrossEntropy(temperature),
  binary_cross_entropy: ({ width }, temperature) => softBinaryCrossEntropy(width, temperature),
  mse: ({ width }) => squaredError(width),
  mae: ({ width }) => squaredError(width),
  huber: ({ width }) => squaredError(width),
};

/** A loss and its weight in the head's. */
export interface LossTerm {
  readonly loss: Loss;
  readonly target: string;
  readonly weight: number;
}

/** What a head's loss adds up from: the labels' and the original's share. */
export function lossTerms(
  b: StepBuilder,
  head: Head,
  { hard, soft }: { readonly hard?: string; readonly soft?: string },
): LossTerm[] {
  const { loss, weight = 1, labelSmoothing = 0, distillation } = head.options;
  const softShare = soft === undefined || !distillation ? 0 : hard === undefined ? 1 : distillation.weight;
  const terms: LossTerm[] = [];
  if (hard !== undefined && softShare < 1) {
    const target = smoothed(b, head, hard, labelSmoothing);
    terms.push({ loss: HARD[loss](head), target, weight: weight * (1 - softShare) });
  }
  if (soft !== undefined && distillation && softShare > 0) {
    terms.push({ loss: SOFT[loss](head, distillation.temperature), target: soft, weight: weight * softShare });
  }
  return terms;
}

/** (1 - ε)·target + ε/classes; of two sides where each element is judged by itself. A row without a class stays so. */
function smoothed(b: StepBuilder, { options, width }: Head, target: string, epsilon: number): string {
  if (epsilon === 0) return target;
  if (options.loss === 'binary_cross_entropy') {
    return b.op('Add', [times(b, target, 1 - epsilon), b.scalar(epsilon / 2, target)]);
  }
  const total = b.op('ReduceSum', [target], { axes: [1], keepdims: 1 });
  return b.op('Add', [times(b, target, 1 - epsilon), times(b, total, epsilon / width)]);
}
