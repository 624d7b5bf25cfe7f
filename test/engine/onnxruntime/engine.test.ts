import { describe, expect, test } from 'vitest';
import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { tensor } from '../../../src/graph/tensor.js';
import { testGraphs } from '../contracts/graphs.js';
import { testTrainingSteps } from '../contracts/training-step.js';

const engine = createOnnxRuntimeEngine({ threads: 2 });

describe('the contract of engines', () => {
  testGraphs({ open: () => engine });
  testTrainingSteps({ open: () => engine });
});

test('a dtype that onnxruntime has no kernel for is an error when compiling, naming the graph and the node', async () => {
  const b = new GraphBuilder('doubles');
  const double = { dtype: 'float64' as const, shape: ['N', 1, 4, 4] };
  const w = b.constant('w', tensor('float64', [1, 1, 1, 1], [1]), 'parameter');
  b.output('y', b.op('LeakyRelu', [b.op('Conv', [b.input('x', double), w])], {}, { name: 'leaky' }));
  await expect(engine.compile(b.build())).rejects.toThrow(/graph doubles.*(Conv|leaky)/s);
});

test.each([
  ['int32', [7, -(2 ** 31), 5, -9], [0, -1, -1, 2], [0, -(2 ** 31), -5, -4]],
  ['int64', [7, 3, 5, -9], [0, -1, -1, 2], [0, -3, -5, -4]],
  ['uint8', [7, 255, 5, 9], [0, 255, 1, 2], [0, 1, 5, 4]],
] as const)('quotients of %s that are none do not end the process', async (dtype, a, c, expected) => {
  const b = new GraphBuilder('quotients');
  const operands = ['a', 'b'].map((id) => b.input(id, { dtype, shape: [4] }));
  b.output('y', b.op('Div', operands));
  const divisor = b.constant('c', tensor(dtype, [4], c), 'literal');
  b.output('by a constant', b.op('Div', [operands[0], divisor]));
  b.output('of constants', b.op('Div', [b.constant('d', tensor(dtype, [4], a), 'literal'), divisor]));
  const compiled = await engine.compile(b.build());
  const feeds = new Map([
    ['a', tensor(dtype, [4], a)],
    ['b', tensor(dtype, [4], c)],
  ]);
  for (const y of (await compiled.run(feeds)).values()) expect(Array.from(y.data, Number)).toEqual(expected);
  await compiled.release();
});

test('an infinity passes where there is no bound', async () => {
  const b = new GraphBuilder('bounds');
  b.output('y', b.op('Clip', [b.input('x', { dtype: 'float32', shape: ['N'] })], { max: 1 }));
  const compiled = await engine.compile(b.build());
  const x = tensor('float32', [2], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  expect([...(await compiled.run(new Map([['x', x]]))).get('y')!.data]).toEqual([Number.NEGATIVE_INFINITY, 1]);
  await compiled.release();
});

test('a pad before a pool is left where it is: together they would be wider than the window', async () => {
  const b = new GraphBuilder('pads');
  const padded = b.op('Pad', [b.input('x', { dtype: 'float32', shape: ['N', 1, 2, 2] })], {
    pads: [0, 0, 0, 0, 0, 0, 1, 1],
  });
  b.output('y', b.op('MaxPool', [padded], { kernel_shape: [2, 2], strides: [1, 1], pads: [0, 0, 1, 1] }));
  const compiled = await engine.compile(b.build());
  const found = await compiled.run(new Map([['x', tensor('float32', [1, 1, 2, 2], [-1, -2, -3, -4])]]));
  expect([...found.get('y')!.data]).toEqual([-1, 0, 0, 0, 0, 0, 0, 0, 0]);
  await compiled.release();
});
