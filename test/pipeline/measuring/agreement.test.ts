import { describe, expect, test } from 'vitest';
import type { LossKind } from '../../../src/autodiff/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/graph.js';
import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import { askChoices, type Choice, choicesOf } from '../../../src/pipeline/measuring/choices.js';
import { OriginalChoices } from '../../../src/pipeline/measuring/original-choices.js';

describe('what an output chooses', () => {
  /** A graph whose output `y` is made of an input of that shape by ops in a row. */
  const closing = (shape: (number | string)[], ...ops: [string, Record<string, number>?][]): Graph => {
    const b = new GraphBuilder('closing');
    const x = b.input('x', { dtype: 'float32', shape });
    b.output(
      'y',
      ops.reduce((value, [op, attrs = {}]) => b.op(op, [value], attrs), x),
    );
    return b.build();
  };
  /** The same after a dense layer of so many units, or a 1×1 convolution of so many filters. */
  const dense = (units: number, ...ops: [string, Record<string, number>?][]): Graph => {
    const b = new GraphBuilder('dense');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    const w = b.constant('w', tensor('float32', [4, units], new Float32Array(4 * units)), 'parameter');
    const bias = b.constant('b', tensor('float32', [units], new Float32Array(units)), 'parameter');
    const scores = b.op('Add', [b.op('MatMul', [x, w]), bias]);
    b.output(
      'y',
      ops.reduce((value, [op, attrs = {}]) => b.op(op, [value], attrs), scores),
    );
    return b.build();
  };
  const conv = (filters: number): Graph => {
    const b = new GraphBuilder('conv');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4, 1, 1] });
    const w = b.constant('w', tensor('float32', [filters, 4, 1, 1], new Float32Array(4 * filters)), 'parameter');
    b.output('y', b.op('Conv', [x, w]));
    return b.build();
  };
  const auto = (loss: LossKind | 'auto') => ({ loss, heads: {} });

  test.each<[string, Graph, object]>([
    ['a softmax: the largest along its axis', closing(['N', 5], ['Softmax', { axis: 1 }]), { kind: 'class', axis: 1 }],
    ['a softmax at each place', closing(['N', 5, 4, 4], ['Softmax', { axis: 1 }]), { kind: 'class', axis: 1 }],
    ['sigmoids: a side of one half each', closing(['N', 5], ['Sigmoid']), { kind: 'side', bound: 0.5 }],
    ['a row of scores of a dense layer: the largest', dense(5), { kind: 'class', axis: 1 }],
    ['scores with axes of 1', conv(5), { kind: 'class', axis: 1 }],
    ['one number', dense(1), { kind: 'number' }],
    ['features, which an activation closes', dense(5, ['Relu']), { kind: 'number' }],
    ['features that are pooled', closing(['N', 5, 4, 4], ['GlobalAveragePool']), { kind: 'number' }],
    ['an image', closing(['N', 3, 8, 8], ['Relu']), { kind: 'number' }],
    ['numbers between -1 and 1', closing(['N', 5], ['Tanh']), { kind: 'number' }],
    ['labels', closing(['N', 5], ['ArgMax', { axis: 1 }]), { kind: 'label' }],
  ])('%s', (_, graph, expected) => {
    expect(choicesOf(graph, [], undefined)).toEqual([{ output: 'y', ...expected }]);
  });

  test('a loss that the config names says it, and labels before that', () => {
    const graph = dense(5);
    const kindOf = (...given: Parameters<typeof choicesOf> extends [Graph, ...infer Rest] ? Rest : never) =>
      choicesOf(graph, ...given)[0];
    expect(kindOf([], auto('mse')).kind).toBe('number');
    expect(kindOf([], auto('binary_cross_entropy'))).toMatchObject({ kind: 'side', bound: 0 });
    const numbers = { output: 'y', loss: 'mse', labels: 'values' } as const;
    expect(kindOf([numbers], auto('auto')).kind).toBe('number');
    // Numbers that only the original gives are not labels.
    expect(kindOf([{ ...numbers, labels: 'none' }], auto('auto')).kind).toBe('class');
    const classes = { output: 'y', loss: 'binary_cross_entropy', labels: 'index' } as const;
    expect(kindOf([classes], auto('auto'))).toEqual({ output: 'y', kind: 'class', axis: 1 });
  });

  test('scores are guessed only where no output is told to choose', () => {
    const graph = dense(5, ['Softmax', { axis: 1 }]);
    const [{ value }] = graph.outputs;
    const scores = graph.nodes.find(({ outputs }) => outputs[0] === value)!.inputs[0];
    const both = { ...graph, outputs: [{ name: 'scores', value: scores }, ...graph.outputs] };
    expect(choicesOf(both, [], undefined)).toEqual([
      { output: 'scores', kind: 'number' },
      { output: 'y', kind: 'class', axis: 1 },
    ]);
    const labelled = { output: 'scores', loss: 'cross_entropy', labels: 'index' } as const;
    expect(choicesOf(both, [labelled], undefined)[0].kind).toBe('class');
  });

  test('an output that is not of single samples is left out', () => {
    const b = new GraphBuilder('mean');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 5] });
    b.output('each', x);
    b.output('mean', b.op('ReduceMean', [x], { axes: [0, 1], keepdims: 0 }));
    expect(choicesOf(b.build(), [], undefined).map(({ output }) => output)).toEqual(['each']);
  });

  test('the largest is looked for in the graph, of the shape that it says', () => {
    const graph = closing(['N', 5, 4, 4], ['Softmax', { axis: 1 }]);
    const asked = askChoices(graph, choicesOf(graph, [], undefined));
    expect(asked.outputs.map(({ name }) => name)).toEqual(['y']);
    expect(asked.graph.values.get(asked.outputs[0].value)).toEqual({ dtype: 'int64', shape: ['N', 4, 4] });
    expect(asked.graph.outputs).toEqual(graph.outputs);
  });
});

describe('agreement', () => {
  const CLASS: Choice = { output: 'y', kind: 'class', axis: 1 };
  const floats = (...data: number[]) => tensor('float32', [data.length], Float32Array.from(data));
  const classes = (...data: number[]) => tensor('int64', [data.length], data);

  /** @param batches the sizes in which samples go through */
  function agreementOf(
    choices: readonly Choice[],
    count: number,
    original: Record<string, Tensor>,
    other: Record<string, Tensor>,
    batches = [count],
    mostValues?: number,
  ) {
    const kept = new OriginalChoices(choices, count, mostValues);
    const through = (reader: Pick<OriginalChoices, 'read'>, outputs: Record<string, Tensor>) => {
      let start = 0;
      for (const size of batches) {
        const part = Object.entries(outputs).map(([name, { data, ...rest }]) => {
          const perSample = data.length / count;
          return [
            name,
            { ...rest, data: data.slice(start * perSample, (start + size) * perSample) } as Tensor,
          ] as const;
        });
        reader.read({ start, count: size, size }, new Map(part));
        start += size;
      }
    };
    through(kept, original);
    const comparison = kept.compare();
    through(comparison, other);
    const { agreement, samples, chooses } = comparison;
    return { agreement, samples, chooses, own: kept.agreement };
  }

  test('of classes is the share of samples with the same one, whatever the batches', () => {
    const [a, b] = [{ y: classes(1, 2, 3, 4, 0) }, { y: classes(1, 2, 0, 4, 4) }];
    for (const batches of [[5], [2, 2, 1], [1, 1, 1, 1, 1]]) {
      expect(agreementOf([CLASS], 5, a, b, batches)).toEqual({ agreement: 0.6, samples: 5, chooses: true, own: 1 });
    }
    expect(agreementOf([CLASS], 5, a, a).agreement).toBe(1);
  });

  test('of places is the mean over samples of the share of places', () => {
    const [a, b] = [{ y: classes(1, 2, 3, 1, 1, 1) }, { y: classes(1, 2, 0, 0, 0, 0) }];
    expect(agreementOf([CLASS], 2, a, b).agreement).toBeCloseTo(1 / 3, 12);
  });

  test('of sides counts each element by its side of the bound', () => {
    const side: Choice = { output: 'y', kind: 'side', bound: 0.5 };
    const [a, b] = [{ y: floats(0.9, 0.1, 0.6, 0.5) }, { y: floats(0.6, 0.4, 0.4, 0.1) }];
    expect(agreementOf([side], 2, a, b).agreement).toBe(0.75);
  });

  test('of numbers is 1 less the error relative to their spread, and never below 0', () => {
    const number: Choice = { output: 'y', kind: 'number' };
    const a = { y: floats(10, 12, 14, 16) };
    // Departures from the mean, 13: 3, 1, 1, 3.
    const found = agreementOf([number], 4, a, { y: floats(10, 12, 14, 17) });
    expect(found.agreement).toBeCloseTo(1 - 1 / Math.sqrt(20), 6);
    expect(found.chooses).toBe(false);
    expect(agreementOf([number], 4, a, { y: floats(13, 13, 13, 13) }).agreement).toBe(0);
    expect(agreementOf([number], 4, a, { y: floats(100, 0, 0, 0) }).agreement).toBe(0);
    expect(agreementOf([number], 4, a, { y: floats(Number.NaN, 12, 14, 16) }).agreement).toBe(0);
    expect(agreementOf([number], 4, a, a).agreement).toBe(1);
  });

  test('of numbers that are the same for all samples is relative to their size', () => {
    const number: Choice = { output: 'y', kind: 'number' };
    const all = (value: number) => ({ y: floats(value, value, value) });
    expect(agreementOf([number], 3, all(0.1), all(0.09)).agreement).toBeCloseTo(0.9, 5);
    expect(agreementOf([number], 3, all(0), all(0)).agreement).toBe(1);
    expect(agreementOf([number], 3, all(0), all(1)).agreement).toBe(0);
  });

  test('of several outputs is the mean of those that choose; numbers count where none does', () => {
    const choices: Choice[] = [CLASS, { output: 'z', kind: 'class', axis: 1 }, { output: 'n', kind: 'number' }];
    const a = { y: classes(1, 2), z: classes(1, 2), n: floats(1, 2) };
    const b = { y: classes(1, 2), z: classes(2, 2), n: floats(9, 9) };
    expect(agreementOf(choices, 2, a, b).agreement).toBe(0.75);
  });

  test('an output of another shape, or that is gone, agrees in nothing', () => {
    expect(agreementOf([CLASS], 2, { y: classes(0, 0) }, { y: classes(0, 0, 0, 0) }).agreement).toBe(0);
    expect(agreementOf([CLASS], 2, { y: classes(0, 0) }, {}).agreement).toBe(0);
  });

  test('nothing that can be compared is null', () => {
    expect(agreementOf([], 2, {}, {})).toEqual({ agreement: null, samples: 0, chooses: false, own: null });
  });

  test('of more values than may be kept, samples are left out evenly', () => {
    const a = { y: classes(0, 0, 0, 0, 0, 0, 0) };
    const b = { y: classes(0, 9, 9, 9, 9, 9, 0) };
    for (const batches of [[7], [2, 2, 2, 1], [3, 4]]) {
      const { agreement, samples } = agreementOf([CLASS], 7, a, b, batches, 3);
      // Samples 0, 3 and 6.
      expect([agreement, samples]).toEqual([2 / 3, 3]);
    }
  });
});
