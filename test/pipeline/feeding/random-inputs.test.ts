/** Inputs that are made up suit the graph that they are fed to. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import type { TensorSpec } from '../../../src/graph/graph.js';
import { tensor, toRef } from '../../../src/graph/tensor.js';
import { randomInputs } from '../../../src/pipeline/feeding/random-inputs.js';

function embedding(rows: number, offset: number, viaFloat: boolean) {
  const b = new GraphBuilder('embedding');
  const x = b.input('x', { dtype: viaFloat ? 'float32' : 'int32', shape: ['N', 3] });
  const moved = b.op('Sub', [
    b.op('Cast', [x], { to: 'int64' }),
    b.constant('by', tensor('int64', [], [offset]), 'literal'),
  ]);
  const table = b.constant(
    'table',
    tensor(
      'float32',
      [rows, 1],
      Array.from({ length: rows }, (_, i) => i),
    ),
    'parameter',
  );
  b.output('y', b.op('Gather', [table, moved], { axis: 0 }));
  return b.build();
}

test('indices stay within a table of any size, as the reference evaluator checks, and reach all of a small one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: -5, max: 5 }),
      fc.boolean(),
      fc.constantFrom([0, 1], [-1, 1], [0, 255]),
      fc.integer(),
      (rows, offset, viaFloat, range, seed) => {
        const graph = embedding(rows, offset, viaFloat);
        const feeds = randomInputs(graph, 64, seed, range as [number, number]);
        const found = evaluateGraph(graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)]))).get('y')!;
        if (rows <= 4) expect(new Set(found.data).size).toBe(rows);
      },
    ),
    { numRuns: 60 },
  );
});

const lone = (spec: TensorSpec) => {
  const b = new GraphBuilder('lone');
  b.output('y', b.op('Identity', [b.input('x', spec)]));
  return b.build();
};

test.each(['int32', 'int64', 'bool', 'uint8'] as const)('an input of %s is not all zero, nor all the same', (dtype) => {
  const values = new Set(Array.from(randomInputs(lone({ dtype, shape: ['N', 16] }), 4, 1).get('x')!.data, Number));
  expect(values.size).toBeGreaterThan(1);
  expect(Math.max(...values)).toBeLessThanOrEqual(dtype === 'uint8' ? 255 : 1);
});

test('no row of a mask is empty', () => {
  const { data } = randomInputs(lone({ dtype: 'int64', shape: ['N', 2] }), 50, 1).get('x')!;
  for (let row = 0; row < 50; row++) expect(Number(data[row * 2]) + Number(data[row * 2 + 1])).toBeGreaterThan(0);
});

test('floats that nothing is asked of have the bounds that are wanted', () => {
  const { data } = randomInputs(lone({ dtype: 'float32', shape: ['N', 100] }), 4, 1, [-1, 1]).get('x')!;
  expect(Math.min(...(data as Float32Array))).toBeLessThan(-0.9);
  expect(Math.max(...(data as Float32Array))).toBeGreaterThan(0.9);
});

test('what a logarithm is taken of is above 0 in every range', () => {
  const b = new GraphBuilder('log');
  b.output('y', b.op('Log', [b.input('x', { dtype: 'float32', shape: ['N', 100] })]));
  const graph = b.build();
  for (const range of [
    [0, 1],
    [-1, 1],
    [-3, -2],
  ] as const) {
    expect(Math.min(...(randomInputs(graph, 4, 1, range).get('x')!.data as Float32Array))).toBeGreaterThan(0);
  }
});

test.each(['int32', 'int64', 'uint8'] as const)(
  'what a logarithm is taken of is whole and above 0 where it is %s',
  (dtype) => {
    const b = new GraphBuilder('log of integers');
    b.output('y', b.op('Log', [b.op('Cast', [b.input('x', { dtype, shape: ['N', 100] })], { to: 'float32' })]));
    const graph = b.build();
    for (const range of [
      [0, 1],
      [-1, 1],
      [0, 255],
    ] as const) {
      const values = Array.from(randomInputs(graph, 4, 1, range).get('x')!.data, Number);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...values)).toBeGreaterThan(1);
    }
  },
);

test.each(['Div', 'Reciprocal'])('lengths that sums are divided by are above 0, by %s', (op) => {
  const b = new GraphBuilder('mean');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 3] });
  const lengths = b.op('Cast', [b.input('lengths', { dtype: 'int64', shape: ['N', 1] })], { to: 'float32' });
  b.output('y', op === 'Div' ? b.op(op, [x, lengths]) : b.op('Mul', [x, b.op(op, [lengths])]));
  const values = new Set(Array.from(randomInputs(b.build(), 64, 1).get('lengths')!.data, Number));
  expect([...values].toSorted()).toEqual([1, 2]);
});
