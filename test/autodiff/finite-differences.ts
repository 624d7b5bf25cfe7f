import { withoutDeadCode } from '../../src/autodiff/ancestors.js';
import { createTrainingStep, type TrainingOptions, type TrainingStep } from '../../src/autodiff/index.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import { type DType, elementCount, type RefTensor, toRef } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { seededRandom } from '../support/seeded-random.js';
import { randomRef } from './random.js';

/** Plain gradient descent: with learning rate 1, the gradient is what is subtracted from a parameter. */
export const PLAIN: TrainingOptions = {
  loss: 'cross_entropy',
  labels: 'index',
  optimizer: { type: 'sgd', momentum: 0, weightDecay: 0 },
};

export interface GradientCheck {
  readonly step: TrainingStep;
  /** By constant id: the largest difference between gradient and finite difference, by the largest of either. */
  readonly errors: Map<string, number>;
}

const EPSILON = 1e-4;
const ELEMENTS_CHECKED = 10;

/** Everything a step graph of `graph` needs, random but for the model's own constants. */
export function randomFeeds(graph: Graph, step: TrainingStep, batch: number, seed: number): Map<string, RefTensor> {
  const random = seededRandom(seed);
  const feeds = new Map<string, RefTensor>();
  const concrete = (id: string): number[] =>
    getSpec(step.graph, id).shape.map((dim) => (typeof dim === 'number' ? dim : batch));
  for (const id of step.inputs) feeds.set(id, randomRef(random, concrete(id)));
  for (const { input, constant } of [...step.parameters, ...step.statistics]) {
    feeds.set(input, toRef(graph.constants.get(constant)!.tensor));
  }
  for (const { input, constant, initial } of step.slots) {
    const zeros = new Float64Array(elementCount(concrete(input)));
    const data = initial === 'zeros' ? zeros : toRef(graph.constants.get(constant)!.tensor).data;
    feeds.set(input, { dtype: 'float32', shape: concrete(input), data });
  }
  for (const { input, ratio } of step.dropout) {
    const shape = concrete(input);
    const data = Float64Array.from({ length: elementCount(shape) }, () => (random() < ratio ? 0 : 1 / (1 - ratio)));
    feeds.set(input, { dtype: 'float32', shape, data });
  }
  for (const { labels, teacher } of step.heads) {
    if (labels) feeds.set(labels, randomLabels(getSpec(step.graph, labels).dtype, concrete(labels), random));
    if (teacher) feeds.set(teacher, randomRef(random, concrete(teacher)));
  }
  feeds.set(step.learningRate, scalarFeed(1));
  if (step.step) feeds.set(step.step, scalarFeed(1));
  if (step.averaging) feeds.set(step.averaging, scalarFeed(0.9));
  return feeds;
}

export function scalarFeed(value: number): RefTensor {
  return { dtype: 'float32', shape: [], data: Float64Array.of(value) };
}

/** Class numbers below 2, which every classifier has, or random rows that sum to 1. */
function randomLabels(dtype: DType, shape: number[], random: () => number): RefTensor {
  const data = Float64Array.from({ length: elementCount(shape) }, () => random());
  if (dtype === 'int32') return { dtype, shape, data: data.map((v) => Math.floor(2 * v)) };
  const classes = shape[shape.length - 1];
  const sums = Array.from({ length: data.length / classes }, (_, row) =>
    data.subarray(row * classes, (row + 1) * classes).reduce((sum, v) => sum + v, 0),
  );
  return { dtype, shape, data: data.map((v, i) => v / sums[Math.floor(i / classes)]) };
}

/** Compares the gradients of a training step with central differences of its loss, both on the float64 reference. */
export function checkGradients(
  graph: Graph,
  { batch = 3, seed = 1, options = PLAIN }: { batch?: number; seed?: number; options?: TrainingOptions } = {},
): GradientCheck {
  const step = createTrainingStep(graph, options);
  verify(step.graph);
  const feeds = randomFeeds(graph, step, batch, seed);
  const results = evaluateGraph(step.graph, feeds);
  const lossOnly = withoutDeadCode({
    ...step.graph,
    outputs: step.graph.outputs.filter((o) => o.name === step.lossOutput),
  });
  const lossAt = (input: string, at: number, shift: number): number => {
    const base = feeds.get(input)!;
    const data = base.data.slice();
    data[at] += shift;
    return evaluateGraph(lossOnly, new Map(feeds).set(input, { ...base, data })).get(step.lossOutput)!.data[0];
  };
  const errors = new Map<string, number>();
  for (const { input, output, constant } of step.parameters) {
    const before = feeds.get(input)!.data;
    const after = results.get(output)!.data;
    const stride = Math.max(1, Math.floor(before.length / ELEMENTS_CHECKED));
    let worst = 0;
    let largest = 0;
    for (let at = 0; at < before.length; at += stride) {
      const gradient = before[at] - after[at];
      const difference = (lossAt(input, at, EPSILON) - lossAt(input, at, -EPSILON)) / (2 * EPSILON);
      worst = Math.max(worst, Math.abs(gradient - difference));
      largest = Math.max(largest, Math.abs(gradient), Math.abs(difference));
    }
    errors.set(constant, largest < 1e-9 ? worst : worst / largest);
  }
  return { step, errors };
}
