import type { Node } from '../../graph/graph.js';
import { numberAttr } from '../../graph/ops/attributes.js';
import type { TrainedNode, TrainingContext, TrainingForm } from './training-form.js';

/**
 * Batch norm by the statistics of the batch: y = (x - mean)·scale/√(var + ε) + B, differentiated through mean and
 * variance. Running statistics become momentum·old + (1 - momentum)·batch. The variance is the biased one (divided by
 * the count), in both places, as in Keras's unfused layer; Keras's fused kernel and PyTorch put the unbiased one into
 * the running variance, which differs by count/(count - 1).
 *
 * A layer whose mean and variance are not both running statistics (a frozen layer) keeps them as they are.
 */
export const batchNormalizationForm: TrainingForm = (node, inputs, context) => {
  const [, , , mean, variance] = node.inputs;
  return context.isStatistic(mean) && context.isStatistic(variance)
    ? byBatch(node, inputs, context)
    : byConstants(node, inputs, context);
};

function byBatch(node: Node, [x, scale, shift]: readonly string[], context: TrainingContext): TrainedNode {
  const { builder: b } = context;
  const epsilon = { epsilon: numberAttr(node, 'epsilon', 1e-5) };
  const [output, mean, variance] = b.ops('BatchNormalizationTraining', [x, scale, shift], 3, epsilon);
  const momentum = numberAttr(node, 'momentum', 0.9);
  [mean, variance].forEach((value, i) => {
    const constant = node.inputs[3 + i];
    const kept = b.op('Mul', [context.statistic(constant), b.scalar(momentum, x)]);
    context.updateStatistic(constant, b.op('Add', [kept, b.op('Mul', [value, b.scalar(1 - momentum, x)])]));
  });
  return {
    output,
    gradient: (dy) => b.ops('BatchNormalizationGrad', [dy, x, scale, mean, variance], 3, epsilon),
  };
}

/** The statistics are no function of x: an affine map of each channel. */
function byConstants(node: Node, inputs: readonly string[], { builder: b }: TrainingContext): TrainedNode {
  const [x, scale, shift, mean, variance] = inputs;
  const shape = b.shape(x);
  const axes = shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const spread = (value: string): string =>
    b.op('Reshape', [value], { shape: shape.map((_, i) => (i === 1 ? -1 : 1)) });
  const deviation = b.op('Sqrt', [b.op('Add', [variance, b.scalar(numberAttr(node, 'epsilon', 1e-5), x)])]);
  const factor = spread(b.op('Div', [scale, deviation]));
  const centred = b.op('Sub', [x, spread(mean)]);
  return {
    output: b.op('Add', [b.op('Mul', [centred, factor]), spread(shift)]),
    gradient(dy, { needs }) {
      const sumOver = (value: string): string => b.op('ReduceSum', [value], { axes, keepdims: 0 });
      return [
        needs(0) ? b.op('Mul', [dy, factor]) : undefined,
        needs(1) ? b.op('Div', [sumOver(b.op('Mul', [dy, centred])), deviation]) : undefined,
        needs(2) ? sumOver(dy) : undefined,
      ];
    },
  };
}
