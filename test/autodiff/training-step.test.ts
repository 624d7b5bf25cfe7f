import { describe, expect, test } from 'vitest';
import {
  createEvaluationStep,
  createTrainingStep,
  type TrainingOptions,
  withStatisticsFrozen,
} from '../../src/autodiff/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import { tensor, toRef } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { seededRandom } from '../support/seeded-random.js';
import { checkGradients, PLAIN, randomFeeds } from './finite-differences.js';
import { layers, mixedNet } from './nets.js';
import { randomTensor } from './random.js';

describe('whole networks', () => {
  test.each([
    ['index', 2],
    ['index', 5],
    ['one_hot', 3],
  ] as const)('gradients equal finite differences (%s labels, batch of %d)', (labels, batch) => {
    const { errors } = checkGradients(mixedNet(), { batch, options: { ...PLAIN, labels } });
    expect(errors.size).toBe(20);
    for (const [parameter, error] of errors) expect(error, parameter).toBeLessThan(1e-6);
  });

  test('one step graph serves every batch size', () => {
    const step = createTrainingStep(mixedNet(), PLAIN);
    expect(getSpec(step.graph, 'image').shape).toEqual(['N', 2, 8, 8]);
    expect(getSpec(step.graph, step.labels)).toEqual({ dtype: 'int32', shape: ['N'] });
    expect(step.dropout).toEqual([{ input: expect.any(String), ratio: 0.25, shape: ['N', 32] }]);
    expect(getSpec(step.graph, step.dropout[0].input)).toEqual({ dtype: 'float32', shape: ['N', 32] });
    verify(step.graph);
  });

  test('a weight that two layers share gets the sum of both gradients', () => {
    const b = new GraphBuilder('shared');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    const w = b.constant('w', randomTensor(seededRandom(1), [4, 4]), 'parameter');
    const once = b.op('Tanh', [b.op('MatMul', [x, w])]);
    b.output('y', b.op('MatMul', [once, w]));
    const { errors } = checkGradients(b.build(), { batch: 4 });
    expect(errors.get('w')).toBeLessThan(1e-6);
  });

  test('several inputs are fed as the model names them', () => {
    const b = new GraphBuilder('two');
    const left = b.input('left', { dtype: 'float32', shape: ['N', 3] });
    const right = b.input('labels', { dtype: 'float32', shape: ['N', 2] });
    const { dense } = layers(b, 1);
    b.output('y', dense('d', b.op('Concat', [left, right], { axis: 1 }), 3));
    const { step, errors } = checkGradients(b.build());
    expect(step.inputs).toEqual(['left', 'labels']);
    expect(step.labels).not.toBe('labels');
    expect(errors.get('d/kernel')).toBeLessThan(1e-6);
  });
});

describe('batch normalisation by statistics that stay', () => {
  /** A convolution and one that is transposed, with and without bias, a norm that nothing mixes before, and one whose input is read twice. */
  function keptNet(): Graph {
    const b = new GraphBuilder('kept');
    const { conv, norm, dense } = layers(b, 3);
    const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 5, 5] });
    const bare = b.constant('bare/kernel', randomTensor(seededRandom(4), [6, 2, 3, 3]), 'parameter');
    const first = b.op('Relu', [norm('bare_bn', b.op('Conv', [x, bare]))]);
    const grouped = b.op('Tanh', [norm('grouped_bn', conv('grouped', first, 4, 2, { group: 2 }))]);
    const back = b.constant('back/kernel', randomTensor(seededRandom(5), [4, 3, 2, 2]), 'parameter');
    const wide = norm('back_bn', b.op('ConvTranspose', [grouped, back]));
    const twice = conv('twice', norm('alone_bn', b.op('Tanh', [wide])), 3, 1);
    b.output('y', dense('d', b.op('Flatten', [b.op('Add', [twice, norm('twice_bn', twice)])]), 2));
    return withStatisticsFrozen(b.build());
  }

  test('gradients equal finite differences', () => {
    const { errors } = checkGradients(keptNet());
    expect(errors.size).toBe(18);
    for (const [parameter, error] of errors) expect(error, parameter).toBeLessThan(1e-6);
  });

  test('activations are gone through by those norms alone that nothing can take', () => {
    const graph = keptNet();
    const step = createTrainingStep(graph, PLAIN);
    const wide = step.graph.nodes.filter(({ op, name, outputs }) => {
      return name.startsWith('forward/') && op === 'Mul' && getSpec(step.graph, outputs[0]).shape[0] === 'N';
    });
    expect(wide).toHaveLength(2);
    const feeds = randomFeeds(graph, step, 3, 1);
    const loss = evaluateGraph(step.graph, feeds).get(step.lossOutput)!.data[0];
    const evaluation = createEvaluationStep(graph, PLAIN);
    const same = new Map([...feeds].filter(([id]) => evaluation.graph.inputs.includes(id)));
    const inference = evaluateGraph(evaluation.graph, same).get(evaluation.lossSumOutput)!.data[0] / 3;
    expect(loss).toBeCloseTo(inference, 6);
  });
});

describe('a norm that a convolution takes', () => {
  /** @param role of the mean and the variance */
  function normed(role: 'parameter' | 'literal', scored: (b: GraphBuilder, y: string) => string): Graph {
    const b = new GraphBuilder('normed');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 4, 4] });
    const [, ...vectors] = ['w', 'scale', 'B', 'mean', 'var'].map((id, i) => {
      const own = i > 2 ? role : 'parameter';
      return b.constant(id, randomTensor(seededRandom(i), i === 0 ? [2, 2, 1, 1] : [2], 0.5, 1.5), own);
    });
    const conv = b.op('Conv', [x, 'w'], {}, { name: 'conv', layer: 'conv' });
    const norm = b.op('BatchNormalization', [conv, ...vectors], {}, { name: 'norm', layer: 'norm' });
    b.output('y', scored(b, norm));
    return b.build();
  }

  test('is named as the convolution where no gradient flows through that', () => {
    const graph = normed('literal', (b, y) => b.op('ReduceMean', [y], { axes: [2, 3], keepdims: 0 }));
    const named = createTrainingStep(graph, PLAIN).graph.nodes.filter(({ op }) => op === 'Conv');
    expect(named.map(({ name, layer }) => [name, layer])).toEqual([['conv', 'conv']]);
  });

  test('a mean and a variance that are weights are not learned by it', () => {
    const graph = normed('parameter', (b, y) => b.op('ReduceMean', [y], { axes: [2, 3], keepdims: 0 }));
    expect(() => createTrainingStep(graph, PLAIN)).toThrow('no gradient reaches parameter');
  });
});

describe('batch normalisation in training', () => {
  function normNet(build: (b: GraphBuilder, x: string) => string, shape: (number | string)[] = ['N', 3, 2, 2]): Graph {
    const b = new GraphBuilder('norm');
    const y = build(b, b.input('x', { dtype: 'float32', shape }));
    b.output('y', layers(b, 9).dense('d', b.op('Flatten', [y]), 2));
    return b.build();
  }

  test('running statistics move towards the mean and the biased variance of the batch', () => {
    const graph = normNet((b, x) => layers(b, 2).norm('bn', x));
    const step = createTrainingStep(graph, PLAIN);
    const feeds = randomFeeds(graph, step, 5, 3);
    const results = evaluateGraph(step.graph, feeds);
    const x = feeds.get('x')!.data;
    for (let c = 0; c < 3; c++) {
      const values = [...x].filter((_, i) => Math.floor(i / 4) % 3 === c);
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
      for (const [id, batch] of [['bn/mean', mean] as const, ['bn/var', variance] as const]) {
        const { output } = step.statistics.find((s) => s.constant === id)!;
        const old = graph.constants.get(id)!.tensor.data[c] as number;
        expect(results.get(output)!.data[c], id).toBeCloseTo(0.8 * old + 0.2 * batch, 7);
      }
    }
  });

  test('works on vectors', () => {
    const graph = normNet((b, x) => layers(b, 2).norm('bn', x), ['N', 4]);
    for (const error of checkGradients(graph, { batch: 6 }).errors.values()) expect(error).toBeLessThan(1e-6);
  });

  test('a layer applied twice updates its statistics twice', () => {
    const graph = normNet((b, x) => {
      const first = layers(b, 2).norm('bn', x);
      const node = ['bn/gamma', 'bn/beta', 'bn/mean', 'bn/var'];
      return b.op('BatchNormalization', [b.op('Tanh', [first]), ...node], { momentum: 0.5 });
    });
    const { step, errors } = checkGradients(graph, { batch: 4 });
    for (const [id, error] of errors) expect(error, id).toBeLessThan(1e-6);
    expect(step.statistics.map((s) => s.constant)).toEqual(['bn/mean', 'bn/var']);
    const feeds = randomFeeds(graph, step, 4, 1);
    const mean = evaluateGraph(step.graph, feeds).get(step.statistics[0].output)!.data;
    const x = feeds.get('x')!.data;
    const gamma = graph.constants.get('bn/gamma')!.tensor.data as Float32Array;
    const beta = graph.constants.get('bn/beta')!.tensor.data as Float32Array;
    const old = graph.constants.get('bn/mean')!.tensor.data as Float32Array;
    for (let c = 0; c < 3; c++) {
      const values = [...x].filter((_, i) => Math.floor(i / 4) % 3 === c);
      const m = values.reduce((sum, v) => sum + v, 0) / values.length;
      const variance = values.reduce((sum, v) => sum + (v - m) ** 2, 0) / values.length;
      const outputs = values.map((v) => Math.tanh(((v - m) / Math.sqrt(variance + 1e-3)) * gamma[c] + beta[c]));
      const second = outputs.reduce((sum, v) => sum + v, 0) / outputs.length;
      expect(mean[c]).toBeCloseTo(0.5 * (0.8 * old[c] + 0.2 * m) + 0.5 * second, 6);
    }
  });

  test('a layer with fixed statistics keeps them, and its scale and shift still learn', () => {
    const graph = normNet((b, x) => {
      const literal = (id: string, values: number[]) => b.constant(id, tensor('float32', [3], values), 'literal');
      const parameter = (id: string, values: number[]) => b.constant(id, tensor('float32', [3], values), 'parameter');
      const before = b.op('Mul', [x, b.constant('w', randomTensor(seededRandom(4), [1, 3, 2, 2]), 'parameter')]);
      return b.op('BatchNormalization', [
        before,
        parameter('gamma', [1, 0.5, 2]),
        parameter('beta', [0, 0.1, -0.2]),
        literal('mean', [0.1, 0.2, -0.3]),
        literal('var', [1, 0.5, 2]),
      ]);
    });
    const { step, errors } = checkGradients(graph);
    expect(step.statistics).toEqual([]);
    expect([...errors.keys()]).toEqual(expect.arrayContaining(['w', 'gamma', 'beta']));
    for (const [id, error] of errors) expect(error, id).toBeLessThan(1e-6);
  });
});

describe('what is trained', () => {
  function twoHeads(): Graph {
    const b = new GraphBuilder('heads');
    const { dense } = layers(b, 3);
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    const trunk = b.op('Tanh', [dense('trunk', x, 4)]);
    const fixed = b.constant('fixed', randomTensor(seededRandom(8), [4]), 'literal');
    b.output('a', dense('head_a', b.op('Mul', [trunk, fixed]), 3));
    b.output('b', b.op('Softmax', [dense('head_b', trunk, 5)]));
    return b.build();
  }

  test('parameters that the chosen output depends on, and no others', () => {
    const step = createTrainingStep(twoHeads(), { ...PLAIN, output: 'b' });
    const trained = step.parameters.map((p) => p.constant).sort();
    expect(trained).toEqual(['head_b/bias', 'head_b/kernel', 'trunk/bias', 'trunk/kernel']);
    expect(step.graph.nodes.some((node) => node.layer === 'head_a')).toBe(false);
  });

  test('literals stay constants of the step', () => {
    const step = createTrainingStep(twoHeads(), { ...PLAIN, output: 'a' });
    expect([...step.graph.constants.values()].some((c) => c.tensor.shape[0] === 4)).toBe(true);
    expect(step.parameters.some((p) => p.constant === 'fixed')).toBe(false);
  });

  test('a ratio of 0 needs no dropout mask', () => {
    const b = new GraphBuilder('d');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    b.output('y', layers(b, 1).dense('d', b.op('Dropout', [x], { ratio: 0 }), 2));
    expect(createTrainingStep(b.build(), PLAIN).dropout).toEqual([]);
  });

  test.each<[string, (b: GraphBuilder, x: string) => string]>([
    ['a dropout that drops nothing', (b, x) => b.op('Dropout', [x], { ratio: 0 })],
    [
      'two equal norms with the statistics of the batch',
      (b, x) => {
        const once = layers(b, 2).norm('bn', x);
        const again = b.op('BatchNormalization', [x, 'bn/gamma', 'bn/beta', 'bn/mean', 'bn/var'], { epsilon: 1e-3 });
        return b.op('Add', [once, b.op('Tanh', [again])]);
      },
    ],
  ])('a value that two nodes share is differentiated once: %s', (_name, between) => {
    const b = new GraphBuilder('shared');
    const { dense } = layers(b, 1);
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    b.output('y', dense('after', between(b, dense('before', x, 3)), 2));
    const { errors } = checkGradients(b.build(), { batch: 5 });
    for (const [id, error] of errors) expect(error, id).toBeLessThan(1e-6);
  });

  test('nothing dead is left in the step graph', () => {
    const { graph } = createTrainingStep(mixedNet(), PLAIN);
    const read = new Set([...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs.map((o) => o.value)]);
    expect(graph.nodes.filter((n) => !n.outputs.some((id) => read.has(id))).map((n) => n.name)).toEqual([]);
    expect([...graph.constants.keys()].filter((id) => !read.has(id))).toEqual([]);
    const keys = graph.nodes.map((n) => JSON.stringify([n.op, n.inputs, n.attrs]));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

test.each([
  ['sgd', { type: 'sgd', momentum: 0.9, weightDecay: 1e-4 }, 0.05],
  ['adam', { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 }, 0.01],
] as const)('%s learns a toy problem', (_name, optimizer, learningRate) => {
  const graph = mixedNet(11);
  const options: TrainingOptions = { loss: 'cross_entropy', labels: 'index', optimizer };
  const step = createTrainingStep(graph, options);
  const feeds = randomFeeds(graph, step, 12, 4);
  const classes = Float64Array.from({ length: 12 }, (_, i) => i % 3);
  feeds.set(step.labels, { dtype: 'int32', shape: [12], data: classes });
  const image = feeds.get('image')!;
  const pixels = image.data.map((v, i) => 0.3 * v + (Math.floor(i / 128) % 3) - 1);
  feeds.set('image', { ...image, data: pixels });
  feeds.set(step.learningRate, toRef(tensor('float32', [], [learningRate])));
  const losses: number[] = [];
  let correct = 0;
  for (let i = 1; i <= 30; i++) {
    if (step.step) feeds.set(step.step, { dtype: 'float32', shape: [], data: Float64Array.of(i) });
    const results = evaluateGraph(step.graph, feeds);
    losses.push(results.get(step.lossOutput)!.data[0]);
    correct = results.get(step.correctOutput)!.data[0];
    for (const { input, output } of [...step.parameters, ...step.statistics, ...step.slots]) {
      feeds.set(input, results.get(output)!);
    }
  }
  expect(losses[0]).toBeGreaterThan(0.5);
  expect(losses.at(-1)).toBeLessThan(0.1 * losses[0]);
  expect(correct).toBe(12);
});
