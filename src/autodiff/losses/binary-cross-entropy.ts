import type { StepBuilder } from '../step-builder.js';
import { type Loss, times } from './loss.js';

const meanOfRow = (b: StepBuilder, elements: string): string =>
  b.op('ReduceMean', [elements], { axes: [1], keepdims: 0 });

/** log(1 + eᶻ) - z·target of each element, as `torch.nn.functional.binary_cross_entropy_with_logits`. */
const elements = (b: StepBuilder, logits: string, target: string): string =>
  b.op('Sub', [b.op('Softplus', [logits]), b.op('Mul', [logits, target])]);

/** The mean over a row's elements, of logits. The gradient is (sigmoid - target)/(width·count). */
export const binaryCrossEntropy = (width: number): Loss => ({
  perRow: (b, logits, target) => meanOfRow(b, elements(b, logits, target)),
  gradient(b, logits, target, count) {
    const difference = b.op('Sub', [b.op('Sigmoid', [logits]), target]);
    return b.op('Div', [difference, times(b, count, width)]);
  },
});

/** T²·KL of each element's two-sided distribution against another model's, both at logits/T. */
export const softBinaryCrossEntropy = (width: number, temperature: number): Loss => ({
  perRow(b, logits, target) {
    const [own, other] = [logits, target].map((value) => times(b, value, 1 / temperature));
    const probability = b.op('Sigmoid', [other]);
    const difference = b.op('Sub', [elements(b, own, probability), elements(b, other, probability)]);
    return times(b, meanOfRow(b, difference), temperature ** 2);
  },
  gradient(b, logits, target, count) {
    const [own, other] = [logits, target].map((value) => b.op('Sigmoid', [times(b, value, 1 / temperature)]));
    return b.op('Div', [times(b, b.op('Sub', [own, other]), temperature), times(b, count, width)]);
  },
});
