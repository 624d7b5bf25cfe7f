/** Steps of every loss and optimizer on engines, against the float64 reference. */
import { describe, expect, test } from 'vitest';
import {
  createEvaluationStep,
  createMicroSteps,
  createTrainingStep,
  type HeadOptions,
  type OptimizerSpec,
} from '../../src/autodiff/index.js';
import { openEngine } from '../../src/engine/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import { fromRef, type Tensor, toRef } from '../../src/graph/tensor.js';
import { randomFeeds } from '../autodiff/finite-differences.js';
import { layers } from '../autodiff/nets.js';
import { expectClose } from './agreement.js';
import { engineOn } from './tensorflow/backends.js';

/** Scores of a batch, and of its pixels. */
function net(): Graph {
  const b = new GraphBuilder('heads');
  const { conv, norm, dense } = layers(b, 3);
  const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 4, 4] });
  const trunk = b.op('Relu', [norm('bn', conv('c', x, 4, 3, { pads: [1, 1, 1, 1] }))]);
  const map = conv('m', trunk, 3, 1);
  b.output('pixels', b.op('Softmax', [b.op('Transpose', [map], { perm: [0, 2, 3, 1] })], { axis: 3 }));
  b.output('sides', b.op('Sigmoid', [dense('s', b.op('Flatten', [trunk]), 3)]));
  b.output('numbers', dense('n', b.op('Flatten', [trunk]), 2));
  return b.build();
}

const distillation = { weight: 0.4, temperature: 2 };
const HEADS: readonly HeadOptions[] = [
  { output: 'pixels', loss: 'cross_entropy', labels: 'index', labelSmoothing: 0.1, distillation },
  { output: 'sides', loss: 'binary_cross_entropy', labels: 'values', distillation },
  { output: 'numbers', loss: 'huber', labels: 'values', huberDelta: 0.3, weight: 0.5 },
];
const OPTIMIZERS: readonly OptimizerSpec[] = [
  { type: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecay: 0.1 },
  { type: 'rmsprop', rho: 0.9, momentum: 0.5, epsilon: 0.1, weightDecay: 0 },
];

const ENGINES = {
  auto: () => openEngine({ engine: 'auto', threads: 2 }),
  onnxruntime: () => openEngine({ engine: 'onnxruntime', threads: 2 }),
  tensorflow: () => engineOn('cpu'),
};

async function expectSame(name: keyof typeof ENGINES, graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<void> {
  const own = new Map(graph.inputs.map((id) => [id, feeds.get(id)!]));
  const compiled = await (await ENGINES[name]()).compile(graph);
  const found = await compiled.run(own);
  await compiled.release();
  for (const [output, t] of evaluateGraph(graph, new Map([...own].map(([id, value]) => [id, toRef(value)])))) {
    expectClose(output, found.get(output)!, t, 1e-4, 1e-2);
  }
}

describe.each(Object.keys(ENGINES) as (keyof typeof ENGINES)[])('%s', (name) => {
  test.each(OPTIMIZERS)('three heads with $type, clipped, averaged', async (optimizer) => {
    const graph = net();
    const options = { heads: HEADS, optimizer, clipNorm: 0.5, averages: true };
    const step = createTrainingStep(graph, options);
    const reference = randomFeeds(graph, step, 5, 3);
    const feeds = new Map([...reference].map(([id, t]) => [id, fromRef(t)]));
    await expectSame(name, step.graph, feeds);
  });

  test('gradients in parts, then the update', async () => {
    const graph = net();
    const { gradient, update } = createMicroSteps(graph, { heads: HEADS, optimizer: OPTIMIZERS[0], clipNorm: 0.5 });
    const step = createTrainingStep(graph, { heads: HEADS, optimizer: OPTIMIZERS[0], clipNorm: 0.5 });
    const feeds = new Map([...randomFeeds(graph, step, 5, 3)].map(([id, t]) => [id, fromRef(t)]));
    feeds.set(gradient.share, { dtype: 'float32', shape: [], data: Float32Array.of(0.25) });
    for (const { input, constant } of gradient.sums) feeds.set(input, graph.constants.get(constant)!.tensor);
    for (const [constant, input] of update.gradients) feeds.set(input, graph.constants.get(constant)!.tensor);
    await expectSame(name, gradient.graph, feeds);
    await expectSame(name, update.graph, feeds);
  });

  test.each(['mse', 'mae'] as const)('evaluation of %s, of pixels, and without labels', async (loss) => {
    const heads: HeadOptions[] = [
      { output: 'numbers', loss, labels: 'values' },
      { output: 'pixels', loss: 'cross_entropy', labels: 'none', distillation },
      { output: 'sides', loss: 'binary_cross_entropy', labels: 'one_hot' },
    ];
    const graph = net();
    const step = createTrainingStep(graph, { heads, optimizer: OPTIMIZERS[0] });
    const feeds = new Map([...randomFeeds(graph, step, 4, 7)].map(([id, t]) => [id, fromRef(t)]));
    const { graph: evaluation } = createEvaluationStep(graph, { heads });
    expect(evaluation.inputs.every((id) => feeds.has(id) && getSpec(evaluation, id))).toBe(true);
    await expectSame(name, evaluation, feeds);
  });
});
