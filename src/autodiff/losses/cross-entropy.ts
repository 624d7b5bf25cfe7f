import { type Loss, times } from './loss.js';

/**
 * -Σ target·log softmax(logits), as `torch.nn.functional.cross_entropy`. The gradient, (softmax·Σtarget - target)/count,
 * is written down rather than derived: it needs no division by a probability that may be 0.
 */
export const crossEntropy: Loss = {
  perRow(b, logits, target) {
    const products = b.op('Mul', [b.op('LogSoftmax', [logits], { axis: 1 }), target]);
    return b.op('Neg', [b.op('ReduceSum', [products], { axes: [1], keepdims: 0 })]);
  },
  gradient(b, logits, target, count) {
    const weight = b.op('ReduceSum', [target], { axes: [1], keepdims: 1 });
    const probabilities = b.op('Exp', [b.op('LogSoftmax', [logits], { axis: 1 })]);
    return b.op('Div', [b.op('Sub', [b.op('Mul', [probabilities, weight]), target]), count]);
  },
};

/**
 * T²·KL(softmax(target/T) ‖ softmax(logits/T)) against another model's logits (Hinton, Vinyals & Dean 2015): its
 * gradient, T·(softmax(logits/T) - softmax(target/T)), stays of one size whatever T.
 */
export const softCrossEntropy = (temperature: number): Loss => ({
  perRow(b, logits, target) {
    const soften = (value: string): string => b.op('LogSoftmax', [times(b, value, 1 / temperature)], { axis: 1 });
    const [own, other] = [soften(logits), soften(target)];
    const products = b.op('Mul', [b.op('Exp', [other]), b.op('Sub', [other, own])]);
    return times(b, b.op('ReduceSum', [products], { axes: [1], keepdims: 0 }), temperature ** 2);
  },
  gradient(b, logits, target, count) {
    const soften = (value: string): string =>
      b.op('Exp', [b.op('LogSoftmax', [times(b, value, 1 / temperature)], { axis: 1 })]);
    return b.op('Div', [times(b, b.op('Sub', [soften(logits), soften(target)]), temperature), count]);
  },
});
