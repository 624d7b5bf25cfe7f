import type { OptimizerSpec, TrainingStep } from '../../src/autodiff/index.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import { scalar, type Tensor, tensor } from '../../src/graph/tensor.js';
import type { Random } from './random.js';

export const SGD: OptimizerSpec = { type: 'sgd', momentum: 0.9, weightDecay: 1e-3 };
export const ADAM: OptimizerSpec = { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 1e-3 };

/** What a step takes besides a batch, at the start of training. */
export function initialFeeds(graph: Graph, step: TrainingStep, learningRate: number): Map<string, Tensor> {
  const feeds = new Map<string, Tensor>([[step.learningRate, scalar('float32', learningRate)]]);
  if (step.step) feeds.set(step.step, scalar('float32', 1));
  for (const { input, constant } of [...step.parameters, ...step.statistics]) {
    feeds.set(input, graph.constants.get(constant)!.tensor);
  }
  for (const { input } of step.slots) {
    const shape = getSpec(step.graph, input).shape as number[];
    feeds.set(input, tensor('float32', shape, new Float32Array(shape.reduce((n, d) => n * d, 1))));
  }
  return feeds;
}

/** Images whose class is the quadrant that is bright. */
export function batch(random: Random, size: number): { x: Tensor; labels: Tensor } {
  const classes = random.ints(size, 0, 3);
  const pixels = classes.flatMap((c) =>
    Array.from({ length: 2 * 144 }, (_, i) => {
      const [row, column] = [Math.floor((i % 144) / 72), Math.floor((i % 12) / 6)];
      return random.unit() + (row * 2 + column === c ? 1 : 0);
    }),
  );
  return { x: tensor('float32', [size, 2, 12, 12], pixels), labels: tensor('int32', [size], classes) };
}
