import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.js';
import { peakMemory } from '../../src/graph/peak-memory.js';
import { tensor } from '../../src/graph/tensor.js';

function chain(length: number, op = 'Relu') {
  const b = new GraphBuilder('chain');
  let y = b.input('x', { dtype: 'float32', shape: ['N', 10] });
  for (let i = 0; i < length; i++) y = b.op(op, [y]);
  b.output('y', y);
  return b.build();
}

test('a chain holds its input, what it reads and what it makes, however long it is', () => {
  expect(peakMemory(chain(1), { N: 3 })).toBe(2 * 3 * 40);
  expect(peakMemory(chain(2), { N: 3 })).toBe(3 * 3 * 40);
  expect(peakMemory(chain(20), { N: 3 })).toBe(3 * 3 * 40);
});

test('what only looks at the same elements takes nothing', () => {
  const b = new GraphBuilder('views');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 4, 5] });
  b.output('y', b.op('Reshape', [b.op('Flatten', [b.op('Relu', [x])])], { shape: [-1, 10] }));
  expect(peakMemory(b.build(), { N: 2 })).toBe(2 * 2 * 80);
});

test('what is read later stays: the skip of a residual block, and constants', () => {
  const b = new GraphBuilder('skip');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 10] });
  const w = b.constant('w', tensor('float32', [10, 10], new Float32Array(100)), 'parameter');
  const start = b.op('Relu', [x]);
  const deep = b.op('Relu', [b.op('MatMul', [b.op('Relu', [start]), w])]);
  b.output('y', b.op('Add', [deep, start]));
  // Input, start, and two more at a time.
  expect(peakMemory(b.build(), { N: 1 })).toBe(400 + 4 * 40);
});

test('it grows with the batch', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 8 }), (n, length) => {
      expect(peakMemory(chain(length), { N: n })).toBe(n * peakMemory(chain(length), { N: 1 }));
    }),
  );
});

test('an extent that is not given is named', () => {
  expect(() => peakMemory(chain(1), {})).toThrow('has a dimension N of no known extent');
});
