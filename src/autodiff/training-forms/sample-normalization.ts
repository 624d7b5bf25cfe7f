import type { Node, Shape } from '../../graph/graph.js';
import { epsilonOf, firstNormalizedAxis, normalizedGroups } from '../../graph/ops/sample-normalization.js';
import { knownExtents, reshapeTo, sumToShape } from '../rules/reshaping.js';
import type { StepBuilder } from '../step-builder.js';
import type { TrainingForm } from './training-form.js';

/** How a norm sees its input. */
interface Layout {
  /** The axes that are normalised over, once the input has the shape `runs`. */
  readonly axes: readonly number[];
  /** A shape, as of a Reshape, that has each group on axes of its own; absent: the input's own has. */
  readonly runs?: readonly number[];
  /** The shape in which the weights broadcast to the input; absent: their own does. */
  readonly weights?: readonly number[];
}

const axesFrom = (first: number, rank: number): number[] => Array.from({ length: rank - first }, (_, i) => first + i);

const LAYOUTS: Readonly<Record<string, (node: Node, shape: Shape) => Layout>> = {
  LayerNormalization: (node, { length }) => ({ axes: axesFrom(firstNormalizedAxis(node, length), length) }),
  InstanceNormalization: (node, shape) => ({
    axes: axesFrom(2, shape.length),
    weights: perChannel(node, shape),
  }),
  GroupNormalization: (node, shape) => ({
    axes: [2],
    runs: [0, normalizedGroups(node, Number(shape[1])), -1],
    weights: perChannel(node, shape),
  }),
};

function perChannel(node: Node, shape: Shape): number[] {
  return [...knownExtents(node, [shape[1]]), ...shape.slice(2).map(() => 1)];
}

/**
 * Norms by the sample's own statistics, spelled out so that the gradient uses what the forward pass has computed:
 * n = (x - mean)/√(var + ε), y = n·scale + B, and with g = dy·scale, dx = (g - mean(g) - n·mean(g·n))/√(var + ε).
 */
export const sampleNormalizationForm: TrainingForm = (node, inputs, { builder: b }) => {
  const [x, scale, shift = ''] = inputs;
  const shape = b.shape(x);
  const { axes, runs, weights } = LAYOUTS[node.op](node, shape);
  const toRuns = (value: string): string => (runs ? b.op('Reshape', [value], { shape: runs }) : value);
  const toInput = (value: string): string => reshapeTo(b, node, value, shape);
  const spread = (weight: string): string => (weights ? b.op('Reshape', [weight], { shape: weights }) : weight);
  const mean = (value: string): string => b.op('ReduceMean', [value], { axes, keepdims: 1 });

  const values = toRuns(x);
  const centred = b.op('Sub', [values, mean(values)]);
  const variance = mean(b.op('Mul', [centred, centred]));
  const deviation = b.op('Sqrt', [b.op('Add', [variance, b.scalar(epsilonOf(node), x)])]);
  const normal = b.op('Div', [centred, deviation]);
  const normalized = toInput(normal);
  const scaled = b.op('Mul', [normalized, spread(scale)]);
  return {
    output: shift === '' ? scaled : b.op('Add', [scaled, spread(shift)]),
    gradient(dy, { needs }) {
      const toWeight = (value: string, weight: string): string => sumToWeight(b, value, weight, weights);
      return [
        needs(0)
          ? toInput(inputGradient(b, toRuns(b.op('Mul', [dy, spread(scale)])), normal, deviation, mean))
          : undefined,
        needs(1) ? toWeight(b.op('Mul', [dy, normalized]), scale) : undefined,
        needs(2) ? toWeight(dy, shift) : undefined,
      ];
    },
  };
};

function inputGradient(
  b: StepBuilder,
  g: string,
  normal: string,
  deviation: string,
  mean: (value: string) => string,
): string {
  const slope = b.op('Mul', [normal, mean(b.op('Mul', [g, normal]))]);
  return b.op('Div', [b.op('Sub', [b.op('Sub', [g, mean(g)]), slope]), deviation]);
}

function sumToWeight(b: StepBuilder, value: string, weight: string, spread: readonly number[] | undefined): string {
  const summed = sumToShape(b, value, spread ?? b.shape(weight));
  return spread ? b.op('Reshape', [summed], { shape: [-1] }) : summed;
}
