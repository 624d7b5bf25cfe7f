import { describe, expect, test } from 'vitest';
import type { Labels } from '../../../src/data/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import { chooseHeads } from '../../../src/pipeline/feeding/choose-heads.js';
import { type FinetuneConfig, resolveConfig } from '../../../src/prune-config/index.js';

type Close = 'Softmax' | 'Sigmoid' | 'Tanh' | undefined;

/** One output `y` of a shape, channels first; `last` puts the channels last. */
function net(shape: number[], close: Close, last = false): Graph {
  const b = new GraphBuilder('net');
  const x = b.input('x', { dtype: 'float32', shape: ['N', ...shape] });
  const rank = shape.length + 1;
  const perm = [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
  const laid = last ? b.op('Transpose', [b.op('Neg', [x])], { perm }) : b.op('Neg', [x]);
  b.output('y', close ? b.op(close, [laid], close === 'Softmax' ? { axis: last ? rank - 1 : 1 } : {}) : laid);
  return b.build();
}

const index = (classes: number, shape: number[] = [], least = 0): Labels => ({
  kind: 'index',
  classes,
  shape,
  whole: true,
  least,
  largest: classes - 1,
});
const oneHot = (classes: number): Labels => ({
  kind: 'one_hot',
  classes,
  shape: [classes],
  whole: true,
  least: 0,
  largest: 1,
});
const values = (shape: number[], least: number, largest: number, whole = false): Labels => ({
  kind: 'values',
  classes: null,
  shape,
  whole,
  least,
  largest,
});
const finetune = (config: object) =>
  resolveConfig({ finetune: config }, { hasDataset: true }).finetune as FinetuneConfig;
const ALONE = { alone: { weight: 0.5, temperature: 4 } };
const choose = (graph: Graph, labels: Labels, config: object = {}) =>
  chooseHeads(graph, new Map([['', labels]]), finetune(config));

describe('auto', () => {
  test.each<[string, Graph, Labels, object, object]>([
    [
      'softmax, class numbers',
      net([10], 'Softmax'),
      index(8),
      { loss: 'cross_entropy', labels: 'index' },
      { kind: 'index', shape: [] },
    ],
    ['logits, class numbers', net([10], undefined), index(10), { loss: 'cross_entropy' }, { kind: 'index' }],
    [
      '[N, 10, 1, 1]',
      net([10, 1, 1], undefined),
      index(10),
      { loss: 'cross_entropy', classAxis: 1 },
      { kind: 'index' },
    ],
    [
      '[N, 1, 1, 10]',
      net([10, 1, 1], 'Softmax', true),
      index(10),
      { loss: 'cross_entropy', classAxis: 3 },
      { kind: 'index' },
    ],
    [
      'logits, one-hot',
      net([10], undefined),
      oneHot(10),
      { loss: 'cross_entropy', labels: 'one_hot' },
      { kind: 'one_hot', shape: [10] },
    ],
    [
      'sigmoids, class numbers',
      net([10], 'Sigmoid'),
      index(10),
      { loss: 'binary_cross_entropy', labels: 'index' },
      { kind: 'index' },
    ],
    [
      'sigmoids, several labels',
      net([10], 'Sigmoid'),
      values([10], 0, 1, true),
      { loss: 'binary_cross_entropy', labels: 'values' },
      { shape: [10] },
    ],
    [
      'sigmoids, one label',
      net([10], 'Sigmoid'),
      oneHot(10),
      { loss: 'binary_cross_entropy', labels: 'one_hot' },
      { kind: 'one_hot' },
    ],
    [
      'a sigmoid',
      net([1], 'Sigmoid'),
      index(2),
      { loss: 'binary_cross_entropy', labels: 'values' },
      { kind: 'values', shape: [1] },
    ],
    ['a logit, two sides', net([1], undefined), index(2), { loss: 'binary_cross_entropy' }, { shape: [1] }],
    [
      'a number, whole ones',
      net([1], undefined),
      index(9),
      { loss: 'mse', labels: 'values' },
      { kind: 'values', shape: [1] },
    ],
    ['a number', net([1], undefined), values([], -2, 3.5), { loss: 'mse' }, { shape: [1] }],
    ['logits, several labels', net([4], undefined), values([4], 0, 1, true), { loss: 'binary_cross_entropy' }, {}],
    ['numbers', net([4], 'Tanh'), values([4], -1, 1), { loss: 'mse' }, {}],
    [
      'pixels of a softmax',
      net([3, 8, 8], 'Softmax'),
      index(3, [8, 8]),
      { loss: 'cross_entropy', classAxis: 1 },
      { kind: 'index', shape: [8, 8] },
    ],
    [
      'pixels, channels last',
      net([3, 8, 8], 'Softmax', true),
      index(3, [8, 8], -1),
      { classAxis: 3 },
      { shape: [8, 8] },
    ],
    [
      'pixels of logits',
      net([3, 8, 6], undefined),
      index(2, [8, 6]),
      { loss: 'cross_entropy', classAxis: 1 },
      { shape: [8, 6] },
    ],
    ['pixels of equal extents, channels last', net([8, 8, 8], undefined, true), index(8, [8, 8]), { classAxis: 3 }, {}],
    ['pixels of equal extents, channels first', net([8, 8, 8], undefined), index(8, [8, 8]), { classAxis: 1 }, {}],
    ['a map of numbers', net([1, 8, 8], undefined), values([8, 8], 0, 7.5), { loss: 'mse' }, { shape: [1, 8, 8] }],
  ])('%s', (_name, graph, labels, head, target) => {
    const { heads, targets } = choose(graph, labels);
    expect(heads).toMatchObject([{ output: 'y', weight: 1, ...head }]);
    expect(targets).toMatchObject([{ output: 'y', from: '', ...target }]);
  });

  test('mixup makes distributions of class numbers, and takes none of pixels', () => {
    const mixed = { augmentation: { mixup: 0.2 } };
    expect(choose(net([10], 'Softmax'), index(10), mixed).targets).toMatchObject([{ kind: 'one_hot', shape: [10] }]);
    expect(() => choose(net([3, 8, 8], 'Softmax'), index(3, [8, 8]), mixed)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        errors: [expect.objectContaining({ pointer: '/config/finetune/augmentation/mixup' })],
      }),
    );
  });

  test.each<[Close, string]>([
    ['Softmax', 'cross_entropy'],
    ['Sigmoid', 'binary_cross_entropy'],
    [undefined, 'mse'],
  ])('without labels a closing %s says what the original teaches', (close, loss) => {
    const { heads, targets } = chooseHeads(net([4], close), new Map(), finetune({}), ALONE);
    expect(heads).toMatchObject([{ loss, labels: 'none', distillation: ALONE.alone }]);
    expect(targets).toEqual([]);
  });

  test('a row of numbers that a dense layer closes with is taken for scores of classes, unless a loss is named', () => {
    const b = new GraphBuilder('scores');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 6] });
    const w = b.constant('w', tensor('float32', [6, 4], new Float32Array(24)), 'parameter');
    b.output('y', b.op('MatMul', [x, w]));
    const graph = b.build();
    const { heads } = chooseHeads(graph, new Map(), finetune({}), ALONE);
    expect(heads).toMatchObject([{ loss: 'cross_entropy', classAxis: 1, labels: 'none' }]);
    expect(chooseHeads(graph, new Map(), finetune({ loss: 'mse' }), ALONE).heads).toMatchObject([{ loss: 'mse' }]);
  });

  test('outputs without labels are left aside, unless they are taught alone', () => {
    const labels = new Map([['', index(10)]]);
    const beside = { beside: (loss: string) => (loss === 'cross_entropy' ? ALONE.alone : undefined) };
    const graph = net([10], 'Softmax');
    expect(chooseHeads(graph, labels, finetune({}), beside).heads).toMatchObject([{ distillation: ALONE.alone }]);
    expect(chooseHeads(graph, labels, finetune({}), ALONE).heads[0].distillation).toBeUndefined();
    expect(chooseHeads(graph, new Map(), finetune({}), beside).heads).toEqual([]);
  });
});

describe('refused:', () => {
  test.each<[string, Graph, Labels, object, string, string]>([
    ['a class too many', net([10], 'Softmax'), index(12), {}, 'LABELS_INVALID', 'the largest label is 11'],
    ['columns of other classes', net([10], 'Softmax'), oneHot(3), {}, 'LABELS_INVALID', '[N, 3]'],
    ['class numbers for a sigmoid', net([1], 'Sigmoid'), index(10), {}, 'NOT_TRAINABLE', 'binary_cross_entropy'],
    ['one class', net([1], undefined), index(2), { loss: 'cross_entropy' }, 'NOT_TRAINABLE', 'two or more'],
    ['other extents', net([3, 8, 8], 'Softmax'), index(3, [4, 4]), {}, 'NOT_TRAINABLE', '[N, 4, 4]'],
    ['other numbers', net([4], undefined), values([3], 0, 9), { loss: 'mae' }, 'NOT_TRAINABLE', '[N, 3] from 0 to 9'],
  ])('%s', (_name, graph, labels, config, code, message) => {
    expect(() => choose(graph, labels, config)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  test.each<[string, object, string]>([
    ['binary_cross_entropy', { loss: 'binary_cross_entropy' }, 'it takes 4 numbers from 0 to 1 a sample, or one class'],
    ['mse', { loss: 'mse' }, 'it takes 4 numbers a sample'],
  ])('labels that are no distributions are no fault of theirs by %s', (_loss, config, message) => {
    const odd = { ...values([2], -1, 3), odd: 'y[0] is no probability distribution' };
    expect(() => choose(net([4], undefined), odd, config)).toThrow(message);
    expect(() => choose(net([4], undefined), odd, config)).not.toThrow('probability');
  });

  test('label smoothing where nothing has classes', () => {
    const config = { label_smoothing: 0.1 };
    expect(() => choose(net([4], undefined), values([4], 0, 9), config)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('here learn y by mse') }),
    );
    expect(() => choose(net([10], 'Softmax'), index(10), config)).not.toThrow();
  });

  test('labels that say why they are no classes', () => {
    const odd = { ...values([], -1, 3, true), odd: 'y[1] is -1; class numbers are whole, from 0' };
    expect(() => choose(net([10], 'Softmax'), odd)).toThrow(
      expect.objectContaining({ code: 'LABELS_INVALID', message: expect.stringContaining('y[1] is -1') }),
    );
  });

  test('labels for an output that is not there', () => {
    expect(() => chooseHeads(net([4], undefined), new Map([['z', index(4)]]), finetune({}))).toThrow('labels y_z');
  });
});
