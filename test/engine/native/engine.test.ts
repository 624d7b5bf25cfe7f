import { expect, test } from 'vitest';
import type { CompiledGraph } from '../../../src/engine/index.js';
import { createNativeEngine } from '../../../src/engine/native/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import { expectAgreement } from '../agreement.js';
import { testGraphs } from '../contracts/graphs.js';
import { testTrainingSteps } from '../contracts/training-step.js';
import { Random } from '../random.js';
import { describeNative } from './native-addon.js';

const float = (...shape: (number | string)[]) => ({ dtype: 'float32' as const, shape });

describeNative('the native engine', (addon) => {
  const engine = createNativeEngine(addon, { threads: 2 });

  async function run(graph: Graph, feeds: Parameters<CompiledGraph['run']>[0]) {
    const compiled = await engine.compile(graph);
    try {
      return await compiled.run(feeds);
    } finally {
      await compiled.release();
    }
  }

  test.each([0, -1, 1.5])('%s threads are refused', (threads) => {
    expect(() => createNativeEngine(addon, { threads })).toThrow(/threads/);
  });

  testGraphs({ open: () => engine });
  testTrainingSteps({ open: () => engine });

  test('outputs may be inputs, constants, views of one value, or one value under two names', async () => {
    const b = new GraphBuilder('plain');
    const x = b.input('x', float('N', 2));
    const y = b.op('Neg', [x]);
    b.output('input', x);
    b.output('constant', b.constant('c', tensor('float32', [2], [7, 8]), 'literal'));
    b.output('first', y);
    b.output('second', y);
    b.output('turned', b.op('Transpose', [y], { perm: [1, 0] }));
    b.output('flat', b.op('Reshape', [y], { shape: [-1] }));
    const found = await run(b.build(), new Map([['x', tensor('float32', [2, 2], [1, 2, 3, 4])]]));
    expect([...found].map(([name, t]) => [name, [...t.shape], [...(t.data as Float32Array)]])).toEqual([
      ['input', [2, 2], [1, 2, 3, 4]],
      ['constant', [2], [7, 8]],
      ['first', [2, 2], [-1, -2, -3, -4]],
      ['second', [2, 2], [-1, -2, -3, -4]],
      ['turned', [2, 2], [-1, -3, -2, -4]],
      ['flat', [4], [-1, -2, -3, -4]],
    ]);
  });

  test('runs that are asked for at once take turns, and do not share results', async () => {
    const b = new GraphBuilder('turns');
    b.output(
      'y',
      b.op('Relu', [b.op('Conv', [b.input('x', float('N', 2, 9, 9)), weights(b)], { pads: [1, 1, 1, 1] })]),
    );
    const graph = b.build();
    const [first, second] = [await engine.compile(graph), await engine.compile(graph)];
    const random = new Random(1);
    const feeds = [1, 2, 3, 4].map((size) => new Map([['x', random.tensor(float('N', 2, 9, 9), size)]]));
    const alone = [];
    for (const feed of feeds) alone.push(await first.run(feed));
    const together = await Promise.all(feeds.map((feed, i) => (i % 2 === 0 ? first : second).run(feed)));
    expect(together).toEqual(alone);
    await Promise.all([first.release(), second.release()]);
  });

  test('results are written over spent tensors that fit them, never over feeds', async () => {
    const b = new GraphBuilder('spent');
    const x = b.input('x', float('N', 2));
    b.output('y', b.op('Neg', [x]));
    b.output('z', b.op('Exp', [x]));
    const compiled = await engine.compile(b.build());
    const feed = (...values: number[]) => tensor('float32', [values.length / 2, 2], values);
    const first = await compiled.run(new Map([['x', feed(1, 2)]]));
    const second = await compiled.run(new Map([['x', feed(3, 4)]]), first);
    expect(second.get('y')!.data).toBe(first.get('y')!.data);
    expect(second.get('z')!.data).toBe(first.get('z')!.data);
    expect([...(second.get('y')!.data as Float32Array)]).toEqual([-3, -4]);
    const third = await compiled.run(new Map([['x', second.get('y')!]]), second);
    expect(third.get('y')!.data).not.toBe(second.get('y')!.data);
    expect([...(third.get('y')!.data as Float32Array)]).toEqual([3, 4]);
    const other = await compiled.run(new Map([['x', feed(1, 2, 3, 4)]]), third);
    expect([...(other.get('y')!.data as Float32Array)]).toEqual([-1, -2, -3, -4]);
    expect([...(third.get('y')!.data as Float32Array)]).toEqual([3, 4]);
    await compiled.release();
  });

  test('an index out of range is an error that names the graph', async () => {
    const b = new GraphBuilder('table');
    const table = b.constant('t', tensor('float32', [2, 1], [1, 2]), 'parameter');
    b.output('y', b.op('Gather', [table, b.input('ids', { dtype: 'int32', shape: ['N'] })]));
    const compiled = await engine.compile(b.build());
    await expect(compiled.run(new Map([['ids', tensor('int32', [1], [2])]]))).rejects.toThrow(/table.*out of range/);
    const y = (await compiled.run(new Map([['ids', tensor('int32', [2], [-1, 0])]]))).get('y');
    expect(y).toEqual(tensor('float32', [2, 1], [2, 1]));
    await compiled.release();
  });

  test('the memory of a run is known before it, and grows with the batch', async () => {
    const b = new GraphBuilder('memory');
    const x = b.op('Relu', [b.op('Conv', [b.input('x', float('N', 2, 9, 9)), weights(b)])]);
    b.output('y', b.op('GlobalAveragePool', [x]));
    const compiled = await engine.compile(b.build());
    const [one, eight] = [1, 8].map((n) => compiled.memoryBytes!({ x: [n, 2, 9, 9] })!);
    expect(one).toBeGreaterThan(3 * 7 * 7 * 4);
    expect(eight).toBeGreaterThan(8 * 3 * 7 * 7 * 4);
    expect(eight).toBeGreaterThan(one);
    await compiled.release();
  });

  test('a channel shuffle, parts of channels and a second branch keep their elements in order', async () => {
    const b = new GraphBuilder('shuffle');
    const conv = (x: string, channels: number) => b.op('Conv', [x, weights(b, channels, 2)], { pads: [1, 1, 1, 1] });
    const x = conv(b.input('x', float('N', 2, 5, 7)), 8);
    const split = b.op('Reshape', [x], { shape: [0, 2, 4, 5, 7] });
    const shuffled = b.op('Reshape', [b.op('Transpose', [split], { perm: [0, 2, 1, 3, 4] })], { shape: [0, 8, 5, 7] });
    const part = b.op('Slice', [shuffled], { axes: [1], starts: [3], ends: [5] });
    const joined = b.op('Concat', [part, b.op('Relu', [x]), conv(part, 3)], { axis: 1 });
    b.output('y', b.op('Flatten', [b.op('Mul', [joined, joined])]));
    const graph = b.build();
    const compiled = await engine.compile(graph);
    for (const batch of [1, 3]) await expectAgreement(graph, compiled, new Random(9), batch, 1e-5);
    await compiled.release();
  });

  test('what is added to a convolution may be what it convolves, or a part of what it is', async () => {
    const b = new GraphBuilder('around');
    const x = b.op('Relu', [b.input('x', float('N', 8, 17, 17))]);
    const depthwise = b.op('Conv', [x, weights(b, 8, 1)], { pads: [1, 1, 1, 1], group: 8 });
    const y = b.op('Relu', [b.op('Add', [depthwise, x])]);
    const first = b.op('Slice', [y], { axes: [3], starts: [0], ends: [1] });
    b.output('y', b.op('Sub', [y, first]));
    const graph = b.build();
    const compiled = await engine.compile(graph);
    for (const batch of [1, 4]) await expectAgreement(graph, compiled, new Random(3), batch, 1e-5);
    await compiled.release();
  });

  function weights(b: GraphBuilder, outputs = 3, inputs = 2): string {
    const values = new Random(2).floats(outputs * inputs * 9, -1, 1);
    return b.constant('w', tensor('float32', [outputs, inputs, 3, 3], values), 'parameter');
  }
});

describeNative('the addon refuses', (addon) => {
  const handle = addon.createEngine(1);
  const none = new Float64Array();
  const program = (words: number[], inputs: number[] = []) =>
    addon.createProgram(
      handle,
      Float64Array.from(words),
      new Uint8Array(),
      0,
      Float64Array.from(inputs),
      none,
      false,
      none,
      new Uint8Array(),
      0,
    );

  test('arguments of other kinds', () => {
    expect(() => addon.createEngine(0)).toThrow(/threads/);
    expect(() => addon.createEngine('2' as never)).toThrow(/threads/);
    expect(() => addon.scratchBytes({} as never, Float64Array.of(0))).toThrow(/no engine/);
    expect(() => addon.scratchBytes(handle, Float64Array.of(999))).toThrow(/no such operation/);
    expect(() => addon.run(handle as never, [], [])).toThrow(/no program/);
    expect(() => addon.release(handle as never)).toThrow(/no program/);
    expect(() => addon.createEngine(undefined as never)).toThrow();
  });

  test('words that are no instructions', () => {
    for (const words of [[0], [0, 5], [-1, 0], [1e9, 0], [Number.NaN, 0], [0, -1]]) {
      expect(() => program(words), `${words}`).toThrow(/no instructions/);
    }
  });

  test('inputs of other sizes than planned, and a program that has been released', async () => {
    const p = program([], [8]);
    expect(() => addon.run(p, [], [])).toThrow(/inputs/);
    expect(() => addon.run(p, [new Float32Array(1)], [])).toThrow(/inputs/);
    expect(() => addon.run(p, [[1, 2]] as never, [])).toThrow(/inputs/);
    expect(() => addon.run(p, [new Float32Array(2)], [new Float32Array(1)])).toThrow(/outputs/);
    await addon.run(p, [new Float32Array(2)], []);
    addon.release(p);
    expect(() => addon.run(p, [new Float32Array(2)], [])).toThrow(/released/);
  });
});
