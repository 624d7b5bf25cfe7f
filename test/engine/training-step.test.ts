import { describe, expect, test } from 'vitest';
import { createTrainingStep, type OptimizerSpec, type TrainingStep } from '../../src/autodiff/index.js';
import { openEngine } from '../../src/engine/index.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import { scalar, type Tensor, tensor, toRef } from '../../src/graph/tensor.js';
import { expectClose } from './agreement.js';
import { Random } from './random.js';
import { smallNetwork, tinyNetwork } from './small-network.js';

const SGD: OptimizerSpec = { type: 'sgd', momentum: 0.9, weightDecay: 1e-3 };
const ADAM: OptimizerSpec = { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 1e-3 };

/** What a step takes besides a batch, at the start of training. */
function initialFeeds(graph: Graph, step: TrainingStep, learningRate: number): Map<string, Tensor> {
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
function batch(random: Random, size: number): { x: Tensor; labels: Tensor } {
  const classes = random.ints(size, 0, 3);
  const pixels = classes.flatMap((c) =>
    Array.from({ length: 2 * 144 }, (_, i) => {
      const [row, column] = [Math.floor((i % 144) / 72), Math.floor((i % 12) / 6)];
      return random.unit() + (row * 2 + column === c ? 1 : 0);
    }),
  );
  return { x: tensor('float32', [size, 2, 12, 12], pixels), labels: tensor('int32', [size], classes) };
}

describe.each([SGD, ADAM])('a whole training step with $type', (optimizer) => {
  test('agrees with the float64 reference in every output, at two batch sizes in one session', async () => {
    const random = new Random(7);
    const graph = smallNetwork(random);
    const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer });
    const compiled = await (await openEngine({ engine: 'onnxruntime', threads: 2 })).compile(step.graph);
    for (const size of [5, 8]) {
      const { x, labels } = batch(random, size);
      const feeds = initialFeeds(graph, step, 0.01).set('x', x).set(step.labels, labels);
      const found = await compiled.run(feeds);
      const expected = evaluateGraph(step.graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
      expect([...found.keys()]).toEqual(step.graph.outputs.map((o) => o.name));
      for (const [name, t] of expected) expectClose(name, found.get(name)!, t, 1e-4);
    }
    await compiled.release();
  });

  test('twenty steps reduce the loss', async () => {
    const random = new Random(8);
    const graph = tinyNetwork(random);
    const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer });
    const compiled = await (await openEngine({ engine: 'onnxruntime', threads: 2 })).compile(step.graph);
    const feeds = initialFeeds(graph, step, 0.01);
    const losses: number[] = [];
    for (let i = 1; i <= 20; i++) {
      const { x, labels } = batch(random, 32);
      feeds.set('x', x).set(step.labels, labels);
      if (step.step) feeds.set(step.step, scalar('float32', i));
      const results = await compiled.run(feeds);
      losses.push(results.get(step.lossOutput)!.data[0] as number);
      for (const { input, output } of [...step.parameters, ...step.statistics, ...step.slots]) {
        feeds.set(input, results.get(output)!);
      }
    }
    await compiled.release();
    const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
    expect(mean(losses.slice(-3))).toBeLessThan(0.5 * mean(losses.slice(0, 3)));
  });
});
