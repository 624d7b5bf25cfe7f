import type { Node } from '../graph/graph.js';
import { numberAttr } from '../graph/ops/attributes.js';
import { tensor } from '../graph/tensor.js';
import { times } from './losses/loss.js';
import type { StepBuilder } from './step-builder.js';

/** How far the moments of a batch are from those that a batch norm holds, and the gradient of that by the batch. */
export interface MomentLoss {
  /** Scalar. */
  readonly loss: string;
  /** Shaped as the batch. */
  readonly gradient: string;
}

/**
 * mean((m - μ)²/(σ² + ε)) + mean(ln²((v + ε)/(σ² + ε))) over channels, where m and v are mean and variance of x over batch and
 * space, and μ, σ² and ε are the norm's (DeepInversion, Yin et al. 2020, with the variances compared by their ratio). ε as
 * the norm has it: a channel that it takes for constant may be so.
 * @param norm a `BatchNormalization` of the model, for its attributes
 * @param x what goes into it, with its running mean and variance, as values of the step graph
 */
export function momentLoss(
  b: StepBuilder,
  norm: Node,
  [x, mean, variance]: readonly [string, string, string],
): MomentLoss {
  const shape = b.shape(x);
  const [channels] = b.shape(mean) as [number];
  const epsilon = b.scalar(numberAttr(norm, 'epsilon', 1e-5), x);
  const [ones, zeros] = [1, 0].map((value) => vectorOf(b, channels, value));
  const [, m, v] = b.ops('BatchNormalizationTraining', [x, ones, zeros], 3, {
    epsilon: numberAttr(norm, 'epsilon', 1e-5),
  });

  const held = b.op('Add', [variance, epsilon]);
  const found = b.op('Add', [v, epsilon]);
  const distance = b.op('Sub', [m, mean]);
  const scaled = b.op('Div', [distance, held]);
  const logarithm = b.op('Log', [b.op('Div', [found, held])]);
  const meanOf = (value: string): string => b.op('ReduceMean', [value], { axes: [0], keepdims: 0 });
  const loss = b.op('Add', [meanOf(b.op('Mul', [distance, scaled])), meanOf(b.op('Mul', [logarithm, logarithm]))]);

  // By each element: ∂m = 1/n and ∂v = 2(x - m)/n.
  const axes = shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const count = times(b, b.count(norm, x, axes), channels);
  const spread = (value: string): string =>
    b.op('Reshape', [value], { shape: shape.map((_, axis) => (axis === 1 ? -1 : 1)) });
  const byMean = spread(b.op('Div', [times(b, scaled, 2), count]));
  const byVariance = spread(b.op('Div', [b.op('Div', [times(b, logarithm, 4), found]), count]));
  const centred = b.op('Sub', [x, spread(m)]);
  return { loss, gradient: b.op('Add', [b.op('Mul', [centred, byVariance]), byMean]) };
}

function vectorOf(b: StepBuilder, length: number, value: number): string {
  return b.constant(`${length} times ${value}`, tensor('float32', [length], Array(length).fill(value)), 'literal');
}
