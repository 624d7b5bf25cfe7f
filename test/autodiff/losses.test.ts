import { describe, expect, test } from 'vitest';
import {
  createEvaluationStep,
  createTeacherStep,
  createTrainingStep,
  type HeadOptions,
  type LossKind,
} from '../../src/autodiff/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import type { RefTensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { seededRandom } from '../support/seeded-random.js';
import { checkGradients, PLAIN, randomFeeds } from './finite-differences.js';
import { layers } from './nets.js';
import { randomRef } from './random.js';

const { optimizer } = PLAIN;

type Body = (b: GraphBuilder, x: string) => string;

function net(body: Body, shape: (number | string)[] = ['N', 4]): Graph {
  const b = new GraphBuilder('net');
  b.output('y', body(b, b.input('x', { dtype: 'float32', shape })));
  return b.build();
}

const dense =
  (units: number, close?: string): Body =>
  (b, x) => {
    const y = layers(b, 4).dense('d', x, units);
    return close ? b.op(close, [y]) : y;
  };

/** Scores of each pixel, `[N, 3, 4, 4]`; as Keras has it with `last`. */
const pixels =
  (close: 'Softmax' | undefined, last: boolean): Body =>
  (b, x) => {
    const y = layers(b, 4).conv('c', x, 3, 3, { pads: [1, 1, 1, 1] });
    const laid = last ? b.op('Transpose', [y], { perm: [0, 2, 3, 1] }) : y;
    return close ? b.op(close, [laid], { axis: last ? 3 : 1 }) : laid;
  };
const IMAGE = ['N', 2, 4, 4];

const soft = { weight: 0.3, temperature: 2.5 };

describe('gradients equal finite differences', () => {
  test.each<[string, Graph, HeadOptions]>([
    [
      'cross-entropy, smoothed',
      net(dense(3, 'Softmax')),
      { loss: 'cross_entropy', labels: 'index', labelSmoothing: 0.1 },
    ],
    ['cross-entropy, distilled', net(dense(3)), { loss: 'cross_entropy', labels: 'one_hot', distillation: soft }],
    ['distillation alone', net(dense(3)), { loss: 'cross_entropy', labels: 'none', distillation: soft }],
    ['binary, one unit', net(dense(1, 'Sigmoid')), { loss: 'binary_cross_entropy', labels: 'index' }],
    ['binary, numbers', net(dense(1)), { loss: 'binary_cross_entropy', labels: 'values' }],
    ['multi-label', net(dense(3, 'Sigmoid')), { loss: 'binary_cross_entropy', labels: 'values', labelSmoothing: 0.2 }],
    ['sigmoids of class numbers', net(dense(3, 'Sigmoid')), { loss: 'binary_cross_entropy', labels: 'index' }],
    ['multi-label, distilled', net(dense(3)), { loss: 'binary_cross_entropy', labels: 'values', distillation: soft }],
    ['squares', net(dense(2)), { loss: 'mse', labels: 'values' }],
    ['squares of a closing tanh', net(dense(2, 'Tanh')), { loss: 'mse', labels: 'values', distillation: soft }],
    ['distances', net(dense(2)), { loss: 'mae', labels: 'values' }],
    ['Huber', net(dense(2)), { loss: 'huber', labels: 'values', huberDelta: 0.4, weight: 2 }],
    ['squares of maps', net(pixels(undefined, true), IMAGE), { loss: 'mse', labels: 'values' }],
    ['pixels', net(pixels('Softmax', false), IMAGE), { loss: 'cross_entropy', labels: 'index' }],
    ['pixels, channels last', net(pixels('Softmax', true), IMAGE), { loss: 'cross_entropy', labels: 'index' }],
    ['pixels of logits', net(pixels(undefined, true), IMAGE), { loss: 'cross_entropy', labels: 'index', classAxis: 3 }],
    [
      'pixels, distilled and smoothed',
      net(pixels(undefined, false), IMAGE),
      { loss: 'cross_entropy', labels: 'one_hot', classAxis: 1, distillation: soft, labelSmoothing: 0.1 },
    ],
  ])('%s', (_name, graph, head) => {
    const { step, errors } = checkGradients(graph, { options: { ...head, optimizer }, batch: 4 });
    expect(errors.size).toBe(2);
    for (const [parameter, error] of errors) expect(error, parameter).toBeLessThan(1e-6);
    expect(step.graph.nodes.some((node) => node.op === 'Softmax')).toBe(false);
  });

  test('two heads of different kinds, weighted, with a shared trunk', () => {
    const b = new GraphBuilder('heads');
    const { dense: layer } = layers(b, 3);
    const trunk = b.op('Tanh', [layer('trunk', b.input('x', { dtype: 'float32', shape: ['N', 4] }), 5)]);
    b.output('kind', b.op('Softmax', [layer('a', trunk, 3)]));
    b.output('box', layer('b', trunk, 4));
    b.output('unused', layer('c', trunk, 2));
    const heads: HeadOptions[] = [
      { output: 'box', loss: 'huber', labels: 'values', weight: 0.5 },
      { output: 'kind', loss: 'cross_entropy', labels: 'index', distillation: soft },
    ];
    const { step, errors } = checkGradients(b.build(), { options: { heads, optimizer }, batch: 4 });
    for (const [parameter, error] of errors) expect(error, parameter).toBeLessThan(1e-6);
    expect([...errors.keys()].some((id) => id.startsWith('c/'))).toBe(false);
    expect(step.heads).toMatchObject([
      { output: 'box', labels: 'labels/box', metric: 'mean_absolute_error' },
      { output: 'kind', labels: 'labels/kind', teacher: 'teacher/kind', metric: 'accuracy' },
    ]);
  });
});

/** The value of a loss on known numbers: `y` of a net that passes its input on. */
function lossOf(head: HeadOptions, rows: number[][], labels: RefTensor | undefined, teacher?: number[][]) {
  const width = rows[0].length;
  const b = new GraphBuilder('identity');
  const x = b.input('x', { dtype: 'float32', shape: ['N', width] });
  const one = b.constant('one', { dtype: 'float32', shape: [1], data: Float32Array.of(1) }, 'parameter');
  b.output('y', b.op('Mul', [x, one]));
  const step = createTrainingStep(b.build(), { ...head, optimizer });
  const table = (values: number[][]): RefTensor => ({
    dtype: 'float32',
    shape: [values.length, width],
    data: Float64Array.from(values.flat()),
  });
  const feeds = randomFeeds(b.build(), step, rows.length, 1).set('x', table(rows));
  if (labels) feeds.set(step.labels, labels);
  if (teacher) feeds.set(step.heads[0].teacher!, table(teacher));
  const results = evaluateGraph(step.graph, feeds);
  return { loss: results.get(step.lossOutput)!.data[0], score: results.get(step.correctOutput)!.data[0] };
}

const values = (shape: number[], data: number[]): RefTensor => ({
  dtype: 'float32',
  shape,
  data: Float64Array.from(data),
});
const indices = (data: number[]): RefTensor => ({
  dtype: 'int32',
  shape: [data.length],
  data: Float64Array.from(data),
});
const sum = (xs: number[]): number => xs.reduce((a, v) => a + v, 0);
const mean = (xs: number[]): number => sum(xs) / xs.length;
const logSoftmax = (row: number[]): number[] => row.map((v) => v - Math.log(sum(row.map(Math.exp))));
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

describe("values equal PyTorch's documented formulas", () => {
  const rows = [
    [2, -1, 0.5],
    [-0.3, 0.7, -2],
  ];
  const others = [
    [0.2, 1, 0.5],
    [-1, 3, -0.5],
  ];

  test('label smoothing: the target is (1 - ε)·one-hot + ε/K', () => {
    const { loss } = lossOf({ loss: 'cross_entropy', labels: 'index', labelSmoothing: 0.3 }, rows, indices([0, 2]));
    const expected = rows.map((row, n) => {
      const log = logSoftmax(row);
      return -0.7 * log[[0, 2][n]] - 0.1 * sum(log);
    });
    expect(loss).toBeCloseTo(mean(expected), 7);
  });

  test('KLDivLoss of softened scores, times T²', () => {
    const distillation = { weight: 1, temperature: 2 };
    const { loss, score } = lossOf({ loss: 'cross_entropy', labels: 'none', distillation }, rows, undefined, others);
    const expected = rows.map((row, n) => {
      const [own, other] = [row, others[n]].map((r) => logSoftmax(r.map((v) => v / 2)));
      return 4 * sum(other.map((log, c) => Math.exp(log) * (log - own[c])));
    });
    expect(loss).toBeCloseTo(mean(expected), 7);
    expect(score).toBe(1);
  });

  test('the weight of distillation is its share of the sum', () => {
    const base = { loss: 'cross_entropy', labels: 'index' } as const;
    const distillation = { weight: 1, temperature: 2 };
    const hard = lossOf(base, rows, indices([0, 2])).loss;
    const soft = lossOf({ ...base, labels: 'none', distillation }, rows, undefined, others).loss;
    const both = { ...base, distillation: { weight: 0.25, temperature: 2 } };
    expect(lossOf(both, rows, indices([0, 2]), others).loss).toBeCloseTo(0.75 * hard + 0.25 * soft, 6);
  });

  test('BCEWithLogitsLoss, also of logits that overflow an exponential', () => {
    const labels = [1, 0, 1, 0, 1, 0.5];
    const logits = [
      [40, -1, 0.5],
      [-0.3, -800, -2],
    ];
    const { loss, score } = lossOf({ loss: 'binary_cross_entropy', labels: 'values' }, logits, values([2, 3], labels));
    const expected = logits.flat().map((z, i) => Math.max(z, 0) - z * labels[i] + Math.log1p(Math.exp(-Math.abs(z))));
    expect(loss).toBeCloseTo(mean(expected), 4);
    // Of the second row one of three is on its side, and 0.5 is none.
    expect(score).toBeCloseTo(1 + 2 / 3, 6);
  });

  test('binary distillation is the divergence of each element', () => {
    const distillation = { weight: 1, temperature: 2 };
    const { loss } = lossOf({ loss: 'binary_cross_entropy', labels: 'none', distillation }, rows, undefined, others);
    const expected = rows.flat().map((z, i) => {
      const [p, q] = [sigmoid(others.flat()[i] / 2), sigmoid(z / 2)];
      return 4 * (p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q)));
    });
    expect(loss).toBeCloseTo(mean(expected), 6);
  });

  test.each<[LossKind, (d: number) => number]>([
    ['mse', (d) => d * d],
    ['mae', Math.abs],
    ['huber', (d) => (Math.abs(d) <= 0.8 ? 0.5 * d * d : 0.8 * (Math.abs(d) - 0.4))],
  ])('%s', (loss, of) => {
    const found = lossOf({ loss, labels: 'values', huberDelta: 0.8 }, rows, values([2, 3], others.flat()));
    const differences = rows.flat().map((v, i) => v - others.flat()[i]);
    expect(found.loss).toBeCloseTo(mean(differences.map(of)), 6);
    expect(found.score).toBeCloseTo(sum(differences.map(Math.abs)) / 3, 6);
  });
});

describe('evaluation', () => {
  test('pixels: loss and accuracy are means over positions, and a place without a class counts nothing', () => {
    const graph = net(pixels('Softmax', true), IMAGE);
    const step = createEvaluationStep(graph, { loss: 'cross_entropy', labels: 'index', labelSmoothing: 0.5 });
    verify(step.graph);
    expect(step.heads[0].metric).toBe('pixel_accuracy');
    const x = randomRef(seededRandom(3), [2, 2, 4, 4]);
    const y = evaluateGraph(graph, new Map([['x', x]])).get('y')!;
    const classes = Array.from({ length: 32 }, (_, i) => (i === 5 ? -1 : i % 3));
    const labels: RefTensor = { dtype: 'int32', shape: [2, 4, 4], data: Float64Array.from(classes) };
    const found = evaluateGraph(
      step.graph,
      new Map([
        ['x', x],
        [step.labels, labels],
      ]),
    );
    const rows = classes.map((_, i) => [...y.data.subarray(3 * i, 3 * i + 3)]);
    const losses = classes.map((c, i) => (c < 0 ? 0 : -Math.log(rows[i][c])));
    expect(found.get(step.lossSumOutput)!.data[0]).toBeCloseTo(sum(losses) / 16, 6);
    const right = classes.filter((c, i) => rows[i].indexOf(Math.max(...rows[i])) === c).length;
    expect(found.get(step.correctOutput)!.data[0]).toBeCloseTo(right / 16, 6);
  });

  test('labels alone count where there are some; without, the model agrees with itself', () => {
    const graph = net(dense(3, 'Softmax'));
    const head: HeadOptions = { loss: 'cross_entropy', labels: 'index', distillation: soft };
    expect(createEvaluationStep(graph, head).heads[0].teacher).toBeUndefined();
    const alone = createEvaluationStep(graph, { ...head, labels: 'none' });
    const teacher = createTeacherStep(graph, head);
    verify(teacher.graph);
    const x = randomRef(seededRandom(4), [5, 4]);
    const logits = evaluateGraph(teacher.graph, new Map([['x', x]])).get('y')!;
    const found = evaluateGraph(
      alone.graph,
      new Map([
        ['x', x],
        [alone.heads[0].teacher!, logits],
      ]),
    );
    expect(found.get(alone.lossSumOutput)!.data[0]).toBeCloseTo(0, 12);
    expect(found.get(alone.correctOutput)!.data[0]).toBe(5);
    expect(alone.heads[0]).toMatchObject({ metric: 'agreement' });
  });
});
