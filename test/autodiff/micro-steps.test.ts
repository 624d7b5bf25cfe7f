import { expect, test } from 'vitest';
import { createMicroSteps, createTrainingStep, type TrainingOptions } from '../../src/autodiff/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { elementCount, type RefTensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { randomFeeds, scalarFeed } from './finite-differences.js';
import { layers } from './nets.js';

/** Convolution, dropout, dense: nothing looks across samples. */
function plainNet() {
  const b = new GraphBuilder('plain');
  const { conv, dense } = layers(b, 3);
  const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 5, 5] });
  const y = b.op('Relu', [conv('c', x, 3, 3)]);
  b.output('y', dense('d', b.op('Dropout', [b.op('Flatten', [y])], { ratio: 0.3 }), 3));
  return b.build();
}

const OPTIONS: TrainingOptions = {
  loss: 'cross_entropy',
  labels: 'index',
  optimizer: { type: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecay: 0.1 },
  clipNorm: 0.1,
  averages: true,
};

const rowsOf = (t: RefTensor, from: number, to: number): RefTensor => {
  const row = elementCount(t.shape.slice(1));
  return { ...t, shape: [to - from, ...t.shape.slice(1)], data: t.data.slice(from * row, to * row) };
};

test('gradients summed over uneven parts make the step that the whole batch makes', () => {
  const graph = plainNet();
  const whole = createTrainingStep(graph, OPTIONS);
  const { gradient, update } = createMicroSteps(graph, OPTIONS);
  verify(gradient.graph);
  verify(update.graph);
  const feeds = randomFeeds(graph, whole, 7, 5).set(whole.learningRate, scalarFeed(0.1));
  const expected = evaluateGraph(whole.graph, feeds);

  const sums = new Map(
    gradient.sums.map(({ input, constant }) => {
      const { shape } = graph.constants.get(constant)!.tensor;
      return [input, { dtype: 'float32', shape, data: new Float64Array(elementCount(shape)) } as RefTensor];
    }),
  );
  let loss = 0;
  for (const [from, to] of [
    [0, 3],
    [3, 6],
    [6, 7],
  ]) {
    const part = new Map(sums);
    for (const { input } of gradient.parameters) part.set(input, feeds.get(input)!);
    for (const id of [...gradient.inputs, gradient.heads[0].labels!, ...gradient.dropout.map((d) => d.input)]) {
      part.set(id, rowsOf(feeds.get(id)!, from, to));
    }
    part.set(gradient.share, scalarFeed((to - from) / 7));
    const results = evaluateGraph(gradient.graph, part);
    for (const { input, output } of gradient.sums) sums.set(input, results.get(output)!);
    loss += (results.get(gradient.lossOutput)!.data[0] * (to - from)) / 7;
  }
  expect(loss).toBeCloseTo(expected.get(whole.lossOutput)!.data[0], 12);

  const last = new Map([...feeds].filter(([id]) => update.graph.inputs.includes(id)));
  for (const { input, constant } of gradient.sums) last.set(update.gradients.get(constant)!, sums.get(input)!);
  const updated = evaluateGraph(update.graph, last);
  for (const { output } of [...whole.parameters, ...whole.slots]) {
    updated.get(output)!.data.forEach((v, i) => {
      expect(v, output).toBeCloseTo(expected.get(output)!.data[i], 12);
    });
  }
  expect(update.slots.map((s) => s.slot).sort()).toEqual(whole.slots.map((s) => s.slot).sort());
});
