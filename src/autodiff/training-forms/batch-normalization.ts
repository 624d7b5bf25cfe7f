import type { Node, Shape } from '../../graph/graph.js';
import { numberAttr } from '../../graph/ops/attributes.js';
import type { StepBuilder } from '../step-builder.js';
import type { TrainingContext, TrainingForm } from './training-form.js';

/**
 * Batch norm by the statistics of the batch: y = (x - mean)·scale/√(var + ε) + B, differentiated through mean and
 * variance. Running statistics become momentum·old + (1 - momentum)·batch. The variance is the biased one (divided by
 * the count), in both places, as in Keras's unfused layer; Keras's fused kernel and PyTorch put the unbiased one into
 * the running variance, which differs by count/(count - 1).
 *
 * A layer whose mean and variance are not both running statistics (a frozen layer) keeps them as they are.
 */
export const batchNormalizationForm: TrainingForm = (node, inputs, context) => {
  const { builder: b } = context;
  const [x, scale, shift] = inputs;
  const shape = b.shape(x);
  const perChannel = shape.map((dim, i) => (i === 1 ? dim : 1)) as number[];
  const spread = (value: string): string => b.op('Reshape', [value], { shape: perChannel });
  const axes = shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const batch = batchStatistics(node, x, axes, context);
  const centred = b.op('Sub', [x, batch?.mean ?? spread(inputs[3])]);
  const variance = batch ? batch.variance(centred) : spread(inputs[4]);
  const epsilon = b.scalar(numberAttr(node, 'epsilon', 1e-5), x);
  const shifted = b.op('Add', [variance, epsilon]);
  const deviation = b.op('Sqrt', [shifted]);
  const factor = b.op('Div', [spread(scale), deviation]);
  return {
    output: b.op('Add', [b.op('Mul', [centred, factor]), spread(shift)]),
    gradient(dy, { needs }) {
      const sum = sumOver(b, dy, axes);
      const product = sumOver(b, b.op('Mul', [dy, centred]), axes);
      const toParameter = (value: string, of: Shape): string => b.op('Reshape', [value], { shape: of as number[] });
      return [
        needs(0)
          ? batch
            ? inputGradient(b, { dy, centred, shifted, factor, sum, product }, b.count(node, x, axes))
            : b.op('Mul', [dy, factor])
          : undefined,
        needs(1) ? toParameter(b.op('Div', [product, deviation]), b.shape(scale)) : undefined,
        needs(2) ? toParameter(sum, b.shape(shift)) : undefined,
      ];
    },
  };
};

/** dx = factor·(dy - Σdy/n) - (x - mean)·factor·Σ(dy·(x - mean)) / (n·(var + ε)). */
function inputGradient(
  b: StepBuilder,
  v: { dy: string; centred: string; shifted: string; factor: string; sum: string; product: string },
  count: string,
): string {
  const level = b.op('Mul', [v.factor, b.op('Sub', [v.dy, b.op('Div', [v.sum, count])])]);
  const slope = b.op('Div', [b.op('Mul', [v.factor, v.product]), b.op('Mul', [v.shifted, count])]);
  return b.op('Sub', [level, b.op('Mul', [v.centred, slope])]);
}

/** The batch's mean, and its variance once x is centred; both also update the running ones. */
function batchStatistics(node: Node, x: string, axes: readonly number[], context: TrainingContext) {
  const { builder: b } = context;
  const [, , , meanId, varianceId] = node.inputs;
  if (!context.isStatistic(meanId) || !context.isStatistic(varianceId)) return undefined;
  const momentum = numberAttr(node, 'momentum', 0.9);
  const update = (constant: string, value: string): void => {
    const old = context.statistic(constant);
    const flat = b.op('Reshape', [value], { shape: b.shape(old) as number[] });
    const kept = b.op('Mul', [old, b.scalar(momentum, x)]);
    context.updateStatistic(constant, b.op('Add', [kept, b.op('Mul', [flat, b.scalar(1 - momentum, x)])]));
  };
  const mean = b.op('ReduceMean', [x], { axes, keepdims: 1 });
  update(meanId, mean);
  return {
    mean,
    variance(centred: string): string {
      const value = b.op('ReduceMean', [b.op('Mul', [centred, centred])], { axes, keepdims: 1 });
      update(varianceId, value);
      return value;
    },
  };
}

const sumOver = (b: StepBuilder, value: string, axes: readonly number[]): string =>
  b.op('ReduceSum', [value], { axes, keepdims: 1 });
