import type { Loss } from './loss.js';

/**
 * -Σ target·log softmax(logits), as `torch.nn.functional.cross_entropy`. The gradient, (softmax·Σtarget - target)/N, is
 * written down rather than derived: it needs no division by a probability that may be 0.
 */
export const crossEntropy: Loss = {
  perSample(b, logits, target) {
    const products = b.op('Mul', [b.op('LogSoftmax', [logits], { axis: 1 }), target]);
    return b.op('Neg', [b.op('ReduceSum', [products], { axes: [1], keepdims: 0 })]);
  },
  meanGradient(b, logits, target, samples) {
    const weight = b.op('ReduceSum', [target], { axes: [1], keepdims: 1 });
    const probabilities = b.op('Exp', [b.op('LogSoftmax', [logits], { axis: 1 })]);
    return b.op('Div', [b.op('Sub', [b.op('Mul', [probabilities, weight]), target]), samples]);
  },
};
