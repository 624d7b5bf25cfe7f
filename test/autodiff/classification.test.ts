import { describe, expect, test } from 'vitest';
import { createEvaluationStep, createTrainingStep } from '../../src/autodiff/index.js';
import { EspalierError } from '../../src/errors.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import type { RefTensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { seededRandom } from '../support/seeded-random.js';
import { checkGradients, PLAIN, randomFeeds } from './finite-differences.js';
import { layers, mixedNet } from './nets.js';
import { randomRef, randomTensor } from './random.js';

type Body = (b: GraphBuilder, x: string) => string;

function net(body: Body, shape: (number | string)[] = ['N', 4]): Graph {
  const b = new GraphBuilder('net');
  b.output('y', body(b, b.input('x', { dtype: 'float32', shape })));
  return b.build();
}

/** Loss of each sample and whether it is right, from logits, by the formula. */
function direct(logits: RefTensor, targets: number[][]) {
  const classes = targets[0].length;
  return targets.map((target, n) => {
    const row = [...logits.data.subarray(n * classes, (n + 1) * classes)];
    const logSum = Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0));
    const loss = -row.reduce((sum, v, c) => sum + target[c] * (v - logSum), 0);
    const best = (values: number[]) => values.indexOf(Math.max(...values));
    return { loss, correct: best(row) === best(target) ? 1 : 0 };
  });
}

const total = (values: number[]): number => values.reduce((sum, v) => sum + v, 0);

describe('loss and accuracy equal the formulas', () => {
  const samples = 7;
  const random = seededRandom(12);
  const x = randomRef(random, [samples, 4]);
  const soft = Array.from({ length: samples }, () => {
    const row = [random(), random(), random()];
    return row.map((v) => v / total(row));
  });
  const index = [0, 1, 2, 2, 1, 0, 1];
  const hard = index.map((label) => [0, 1, 2].map((c) => (c === label ? 1 : 0)));
  const graph = net((b, value) => layers(b, 4).dense('d', value, 3));
  const logits = evaluateGraph(graph, new Map([['x', x]])).get('y')!;

  test.each([
    ['index', hard, { dtype: 'int32', shape: [samples], data: Float64Array.from(index) }],
    ['one_hot', soft, { dtype: 'float32', shape: [samples, 3], data: Float64Array.from(soft.flat()) }],
  ] as const)('%s labels', (labels, targets, feed) => {
    const expected = direct(logits, targets as number[][]);
    const evaluation = createEvaluationStep(graph, { loss: 'cross_entropy', labels });
    verify(evaluation.graph);
    const sums = evaluateGraph(
      evaluation.graph,
      new Map<string, RefTensor>([
        ['x', x],
        [evaluation.labels, feed],
      ]),
    );
    expect(sums.get(evaluation.lossSumOutput)!.data[0]).toBeCloseTo(total(expected.map((e) => e.loss)), 10);
    expect(sums.get(evaluation.correctOutput)!.data[0]).toBe(total(expected.map((e) => e.correct)));

    const step = createTrainingStep(graph, { ...PLAIN, labels });
    const feeds = randomFeeds(graph, step, samples, 1).set('x', x).set(step.labels, feed);
    const results = evaluateGraph(step.graph, feeds);
    expect(results.get(step.lossOutput)!.data[0]).toBeCloseTo(total(expected.map((e) => e.loss)) / samples, 10);
    expect(results.get(step.correctOutput)!.data[0]).toBe(total(expected.map((e) => e.correct)));
  });

  test('an evaluation step holds the weights and runs batch norm and dropout as in inference', () => {
    const mixed = mixedNet();
    const evaluation = createEvaluationStep(mixed, { loss: 'cross_entropy', labels: 'index' });
    verify(evaluation.graph);
    expect(evaluation.graph.inputs).toEqual(['image', evaluation.labels]);
    const image = randomRef(seededRandom(2), [4, 2, 8, 8]);
    const classes = [0, 2, 1, 1];
    const feed: RefTensor = { dtype: 'int32', shape: [4], data: Float64Array.from(classes) };
    const sums = evaluateGraph(
      evaluation.graph,
      new Map([
        ['image', image],
        [evaluation.labels, feed],
      ]),
    );
    const probabilities = evaluateGraph(mixed, new Map([['image', image]])).get('probabilities')!.data;
    const loss = -total(classes.map((c, n) => Math.log(probabilities[n * 3 + c])));
    expect(sums.get(evaluation.lossSumOutput)!.data[0]).toBeCloseTo(loss, 8);
  });

  test('values that are asked for come out beside the sums, which stay as they are', () => {
    const mixed = mixedNet();
    const options = { loss: 'cross_entropy', labels: 'index' } as const;
    const plain = createEvaluationStep(mixed, options);
    // One that the loss passes by, under a name that the step has itself.
    const asked = createEvaluationStep(mixed, options, [{ name: 'loss_sum', value: mixed.outputs[0].value }]);
    verify(asked.graph);
    const image = randomRef(seededRandom(2), [4, 2, 8, 8]);
    const labels: RefTensor = { dtype: 'int32', shape: [4], data: Float64Array.of(0, 2, 1, 1) };
    const run = (step: typeof plain) =>
      evaluateGraph(
        step.graph,
        new Map([
          ['image', image],
          [step.labels, labels],
        ]),
      );
    const [sums, all] = [run(plain), run(asked)];
    expect(plain.carried).toEqual([]);
    expect(all.get(asked.lossSumOutput)).toEqual(sums.get(plain.lossSumOutput));
    const probabilities = evaluateGraph(mixed, new Map([['image', image]])).get(mixed.outputs[0].name);
    expect(all.get(asked.carried[0].output)).toEqual(probabilities);
  });
});

describe('where the logits are', () => {
  const dense = (b: GraphBuilder, x: string): string => layers(b, 4).dense('d', x, 3);
  const conv = (b: GraphBuilder, x: string): string => layers(b, 4).conv('head', x, 3, 2);
  const lossOf = (graph: Graph, shape: number[]): number => {
    const step = createEvaluationStep(graph, { loss: 'cross_entropy', labels: 'index' });
    verify(step.graph);
    const labels: RefTensor = { dtype: 'int32', shape: [5], data: Float64Array.of(0, 1, 2, 0, 1) };
    const feeds = new Map([
      ['x', randomRef(seededRandom(9), [5, ...shape])],
      [step.labels, labels],
    ]);
    return evaluateGraph(step.graph, feeds).get(step.lossSumOutput)!.data[0];
  };
  const plainDense = lossOf(net(dense), [4]);
  const plainConv = lossOf(net(conv, ['N', 2, 2, 2]), [2, 2, 2]);

  test.each<[string, Body]>([
    ['a softmax', (b, x) => b.op('Softmax', [x])],
    ['a softmax over axis 1', (b, x) => b.op('Softmax', [x], { axis: 1 })],
    ['a log-softmax', (b, x) => b.op('LogSoftmax', [x])],
    ['an identity after a softmax', (b, x) => b.op('Identity', [b.op('Softmax', [x])])],
  ])('%s is left out', (_name, close) => {
    const graph = net((b, x) => close(b, dense(b, x)));
    expect(lossOf(graph, [4])).toBeCloseTo(plainDense, 12);
    expect(createTrainingStep(graph, PLAIN).graph.nodes.some((n) => n.op === 'Softmax')).toBe(false);
  });

  test.each<[string, Body]>([
    ['[N, C, 1, 1]', (_b, x) => x],
    ['[N, 1, 1, C]', (b, x) => b.op('Transpose', [x], { perm: [0, 2, 3, 1] })],
    ['softmax over [N, C, 1, 1], then a reshape', (b, x) => b.op('Flatten', [b.op('Softmax', [x], { axis: 1 })])],
    [
      'a transpose, softmax, then a reshape',
      (b, x) =>
        b.op('Reshape', [b.op('Softmax', [b.op('Transpose', [x], { perm: [0, 2, 3, 1] })])], { shape: [-1, 3] }),
    ],
  ])('%s is a row of classes', (_name, close) => {
    const graph = net((b, x) => close(b, conv(b, x)), ['N', 2, 2, 2]);
    expect(lossOf(graph, [2, 2, 2])).toBeCloseTo(plainConv, 12);
    for (const error of checkGradients(graph).errors.values()) expect(error).toBeLessThan(1e-6);
  });

  test('a softmax over another axis, or before more layers, stays', () => {
    const odd = net((b, x) => b.op('Softmax', [dense(b, x)], { axis: 0 }));
    expect(createTrainingStep(odd, PLAIN).graph.nodes.some((n) => n.op === 'Softmax')).toBe(true);
    const middle = net((b, x) => layers(b, 5).dense('last', b.op('Softmax', [dense(b, x)]), 3));
    const { step, errors } = checkGradients(middle);
    expect(step.graph.nodes.some((n) => n.op === 'Softmax')).toBe(true);
    for (const error of errors.values()) expect(error).toBeLessThan(1e-6);
  });
});

describe('what can not be trained is refused by name', () => {
  const refusal = (graph: Graph, options = PLAIN): EspalierError => {
    try {
      createTrainingStep(graph, options);
    } catch (error) {
      if (error instanceof EspalierError) return error;
      throw error;
    }
    throw new Error('it was not refused');
  };
  const dense =
    (units: number): Body =>
    (b, x) =>
      layers(b, 4).dense('d', x, units);

  test('one class', () => {
    const error = refusal(net(dense(1)));
    expect(error.code).toBe('NOT_TRAINABLE');
    expect(error.message).toContain('output y has shape [N, 1]');
  });

  test('scores that are judged one by one, which can still be evaluated', () => {
    const graph = net((b, x) => b.op('Sigmoid', [dense(3)(b, x)], {}, { layer: 'labels' }));
    const error = refusal(graph);
    expect(error.code).toBe('NOT_TRAINABLE');
    expect(error.message).toContain('layer labels (Sigmoid)');
    expect(createEvaluationStep(graph, PLAIN).inputs).toEqual(graph.inputs);
  });

  test.each<[string, Body, (number | string)[]]>([
    ['[N, 3, 4, 4]', (b, x) => layers(b, 1).conv('c', x, 3, 1), ['N', 2, 4, 4]],
    ['[N, 3, 1, W]', (b, x) => layers(b, 1).conv('c', x, 3, 1), ['N', 2, 1, 'W']],
  ])('an output of shape %s', (shape, body, input) => {
    const error = refusal(net(body, input));
    expect(error.code).toBe('NOT_TRAINABLE');
    expect(error.message).toContain(`output y is float32 ${shape}`);
  });

  test('several outputs without a choice, and an output that is not there', () => {
    const b = new GraphBuilder('two');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    const { dense: layer } = layers(b, 1);
    b.output('first', layer('a', x, 2));
    b.output('second', layer('b', x, 2));
    const graph = b.build();
    expect(refusal(graph).code).toBe('NOT_TRAINABLE');
    expect(refusal(graph).message).toContain('first, second');
    expect(refusal(graph, { ...PLAIN, output: 'third' }).code).toBe('OUTPUT_UNKNOWN');
    expect(refusal(graph, { ...PLAIN, output: 'third' }).message).toContain('third');
  });

  test('an op without a gradient, by its layer', () => {
    const graph = net((b, x) => {
      const hidden = dense(3)(b, x);
      const rows = b.op('Reshape', [hidden], { shape: [0, 3, 1] });
      return b.op('Cast', [b.op('ArgMax', [rows], { axis: 2, keepdims: 0 }, { layer: 'peak' })], { to: 'float32' });
    });
    expect(refusal(graph).code).toBe('NOT_TRAINABLE');
    expect(refusal(graph).message).toContain('layer peak (ArgMax)');
  });

  test('dropout and batch norm over an extent that only a run tells, by their layers', () => {
    const wide = (op: (b: GraphBuilder, x: string) => string): Graph =>
      net((b, x) => layers(b, 2).dense('d', b.op('Flatten', [b.op('GlobalMaxPool', [op(b, x)])]), 2), ['N', 3, 'W']);
    const drop = wide((b, x) => b.op('Dropout', [x], { ratio: 0.5 }, { layer: 'drop' }));
    expect(refusal(drop).message).toContain('layer drop (Dropout): the extents of [N,3,W]');
    const norm = wide((b, x) =>
      layers(b, 3).norm('norm', b.op('Mul', [x, b.constant('w', randomTensor(seededRandom(1), [3, 1]), 'parameter')])),
    );
    expect(refusal(norm).code).toBe('NOT_TRAINABLE');
  });

  test('before the first parameter, anything goes', () => {
    const graph = net((b, x) => dense(3)(b, b.op('Pad', [x], { pads: [0, 1, 0, 1], mode: 'reflect' })));
    expect(createTrainingStep(graph, PLAIN).parameters).toHaveLength(2);
  });

  test('a model without parameters', () => {
    const error = refusal(net((b, x) => b.op('Softmax', [x])));
    expect(error.code).toBe('NOT_TRAINABLE');
    expect(error.message).toContain('no parameters');
  });
});
