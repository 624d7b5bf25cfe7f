import { expect, test } from 'vitest';
import { withFallback } from '../../../src/engine/fallback.js';
import { createNativeEngine, type NativeEngine } from '../../../src/engine/native/index.js';
import { writeNumbers } from '../../../src/engine/native/plan/instruction.js';
import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import { GraphRefused } from '../../../src/engine/refusal.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/graph.js';
import { type DType, tensor } from '../../../src/graph/tensor.js';
import { expectAgreement } from '../agreement.js';
import { Random } from '../random.js';
import { describeNative } from './native-addon.js';

const DTYPES: readonly DType[] = ['float32', 'float64', 'int32', 'int64', 'uint8', 'bool'];

async function expectRun(engine: NativeEngine, graph: Graph, batches: readonly number[] = [1, 3]): Promise<void> {
  const compiled = await engine.compile(graph);
  for (const batch of batches) await expectAgreement(graph, compiled, new Random(batch), batch, 1e-5);
  await compiled.release();
}

describeNative('what the native engine computes of other types and layouts', (addon) => {
  const engine = createNativeEngine(addon, { threads: 2 });

  test.each(DTYPES)('pads of %s, of zeros and of another value', async (dtype) => {
    for (const value of [0, 1, ...(dtype === 'bool' ? [] : [7])]) {
      const b = new GraphBuilder(`pad ${dtype}`);
      b.output(
        'y',
        b.op('Pad', [b.input('x', { dtype, shape: ['N', 3, 2, 5] })], { pads: [0, 1, 0, 2, 0, 0, 3, 1], value }),
      );
      await expectRun(engine, b.build());
    }
  });

  /** One tile of one row is read in place, the next finds that its register holds the constant already. */
  test.each([
    [320, 8],
    [146, 8],
    [512, 7],
    [320, 3],
  ])('a gate over %i channels of planes %i wide, with a constant a channel', async (channels, extent) => {
    const random = new Random(5);
    const b = new GraphBuilder('gate');
    const channel = (id: string) =>
      b.constant(id, tensor('float32', [channels, 1, 1], random.floats(channels, 0.5, 2)), 'parameter');
    const x = b.input('x', { dtype: 'float32', shape: ['N', channels, extent, extent] });
    const gate = b.op('Sigmoid', [b.op('GlobalAveragePool', [x])]);
    const layout = b.op('MaxPool', [x], { kernel_shape: [1, 1] });
    b.output('y', b.op('Add', [b.op('Mul', [b.op('Mul', [layout, gate]), channel('scale')]), channel('shift')]));
    const graph = b.build();
    for (const threads of [1, 2, 3]) await expectRun(createNativeEngine(addon, { threads }), graph, [1, 2, 5, 8]);
  });
});

/** Nine axes that no two neighbours of can be joined: every second one is reversed. */
function deepGraph(rank: number): Graph {
  const b = new GraphBuilder(`rank ${rank}`);
  const shape = ['N', ...new Array<number>(rank - 1).fill(2)];
  const perm = Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const x = b.input('x', { dtype: 'float32', shape });
  const turned = b.op('Transpose', [x], { perm: [0, ...perm.slice(0, -1)] });
  const sum = b.op('Add', [x, turned], {}, { layer: 'deep' });
  b.output('y', sum);
  b.output('z', b.op('ReduceSum', [sum], { axes: perm.filter((axis) => axis % 2 === 1), keepdims: 0 }));
  return b.build();
}

describeNative('what the kernels hold no more', (addon) => {
  const native = createNativeEngine(addon, { threads: 2 });
  const notices: string[] = [];
  const engine = withFallback(
    native,
    async () => createOnnxRuntimeEngine({ threads: 1 }),
    (line) => notices.push(line),
  );

  test.each([8, 9, 10, 12])('rank %i agrees with the reference, wherever it is computed', async (rank) => {
    notices.length = 0;
    const graph = deepGraph(rank);
    const compiled = await engine.compile(graph);
    for (const batch of [1, 2]) await expectAgreement(graph, compiled, new Random(1), batch, 1e-6);
    await compiled.release();
    if (rank > 8)
      expect(notices).toEqual([expect.stringMatching(/computed by onnxruntime: Add deep: \w+: rank is 9|1\d/)]);
    else expect(notices).toEqual([]);
  });

  test('extents that are open are refused when they are known, and computed elsewhere from then on', async () => {
    const b = new GraphBuilder('reach');
    const w = b.constant('w', tensor('float32', [1, 1, 1, 2], [1, 2]), 'parameter');
    const x = b.input('x', { dtype: 'float32', shape: [1, 1, 1, 'W'] });
    b.output('y', b.op('Conv', [x, w], { dilations: [1, 2 ** 21] }, { layer: 'far' }));
    const graph = b.build();
    notices.length = 0;
    const compiled = await engine.compile(graph);
    const x0 = tensor('float32', [1, 1, 1, 2 ** 21 + 1], new Float32Array(2 ** 21 + 1).fill(1));
    for (let run = 0; run < 2; run++) {
      expect([...((await compiled.run(new Map([['x', x0]]))).get('y')!.data as Float32Array)]).toEqual([3]);
    }
    expect(notices).toEqual([
      expect.stringMatching(/Conv far: conv_pack: dw is 2097152, and its kernel takes 1 to 1048576/),
    ]);
    expect(compiled.memoryBytes?.({ x: [1, 1, 1, 2 ** 21 + 1] })).toBeUndefined();
    await compiled.release();
  });

  /** Floats of the rows that a unit copies with their zeros: 2^62, and so 2^64 bytes. */
  test('windows whose rows with their zeros are more than int counts are computed elsewhere', async () => {
    const b = new GraphBuilder('apart');
    const w = b.constant('w', tensor('float32', [1, 2048, 2, 1], new Float32Array(4096).fill(1)), 'parameter');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 2048, 1, 1] });
    const attributes = { dilations: [3, 1], strides: [2 ** 20 - 3, 486737], pads: [0, 0, 3, 2 ** 29 - 1] };
    b.output('y', b.op('Conv', [x, w], attributes, { layer: 'apart' }));
    const graph = b.build();
    expect(native.findRefusal(graph)?.message).toMatch(/Conv apart: conv_pack: its windows reach too far/);
    const compiled = await engine.compile(graph);
    const x0 = tensor('float32', [1, 2048, 1, 1], new Float32Array(2048).fill(1));
    const y = [...((await compiled.run(new Map([['x', x0]]))).get('y')!.data as Float32Array)];
    expect([y.length, y[0], Math.max(...y.slice(1))]).toEqual([1104, 2048, 0]);
    await compiled.release();
  });

  test('of another type goes to the other engine, named with its layer', async () => {
    const b = new GraphBuilder('whole');
    const x = b.input('x', { dtype: 'float64', shape: ['N', 4] });
    b.output('y', b.op('Softmax', [x], { axis: 1 }, { layer: 'probabilities' }));
    expect(native.findRefusal(b.build())?.message).toMatch(/Softmax probabilities: softmax: x is of float64/);
  });

  test('fields are written by name: a missing one, another one and one out of bounds are told apart', () => {
    const spec = addon.instructions.find(({ name }) => name === 'softmax')!;
    expect(writeNumbers(spec, { inner: 3, log: 0, outer: 1, extent: 2 }, {})).toEqual([1, 2, 3, 0]);
    expect(() => writeNumbers(spec, { outer: 1, extent: 2, log: 0 }, {})).toThrow(/missing: inner/);
    expect(() => writeNumbers(spec, { outer: 1, extent: 2, inner: 3, log: 0, lag: 1 }, {})).toThrow(/unknown: lag/);
    expect(() => writeNumbers(spec, { outer: 1, extent: 0, inner: 3, log: 0 }, {})).toThrow(GraphRefused);
    expect(() => writeNumbers(spec, { outer: 1, extent: 2, inner: 1.5, log: 0 }, {})).toThrow(/inner is 1.5/);
  });
});

describeNative('the addon refuses a program', (addon) => {
  const handle = addon.createEngine(1);
  const at = (name: string) => addon.instructions.findIndex((spec) => spec.name === name);
  const none = new Float64Array();
  const create = (
    operation: string,
    words: readonly number[],
    memory: { arena?: number; inputs?: readonly number[]; outputs?: readonly number[] },
  ) =>
    addon.createProgram(
      handle,
      Float64Array.of(at(operation), words.length, ...words),
      new Uint8Array(64),
      memory.arena ?? 0,
      Float64Array.from(memory.inputs ?? []),
      Float64Array.from(memory.outputs ?? []),
      false,
      none,
      new Uint8Array(),
      0,
    );
  const copied = (bytes: number, dims: number[], from: number[], to: number[], operands: number[]) => [
    bytes,
    dims.length,
    ...dims,
    ...from,
    ...to,
    ...operands,
  ];

  test('whose operands reach out of their memory, by a byte or by a stride', () => {
    const memory = { inputs: [24], outputs: [24] };
    const whole = copied(4, [6], [1], [1], [2, 0, 3, 0]);
    expect(() => create('copy', whole, memory)).not.toThrow();
    for (const [what, words, other] of [
      ['longer', copied(4, [7], [1], [1], [2, 0, 3, 0]), memory],
      ['farther', copied(4, [6], [2], [1], [2, 0, 3, 0]), memory],
      ['before', copied(4, [6], [-1], [1], [2, 0, 3, 0]), memory],
      ['later', copied(4, [6], [1], [1], [2, 4, 3, 0]), memory],
      ['shorter memory', whole, { inputs: [24], outputs: [23] }],
    ] as const) {
      expect(() => create('copy', words, other), what).toThrow(/operand [xy]: it reaches out of its base/);
    }
  });

  test('that writes what is not to be written, or lies where nothing is', () => {
    const memory = { arena: 64, inputs: [24], outputs: [24] };
    expect(() => create('copy', copied(4, [6], [1], [1], [2, 0, 1, 0]), memory)).toThrow(
      /y: its base is not to be written/,
    );
    expect(() => create('copy', copied(4, [6], [1], [1], [3, 0, 2, 0]), memory)).toThrow(
      /y: its base is not to be written/,
    );
    expect(() => create('copy', copied(4, [6], [1], [1], [4, 0, 3, 0]), memory)).toThrow(/x: there is no such base/);
    expect(() => create('copy', copied(4, [6], [1], [1], [-1, 0, 3, 0]), memory)).toThrow(/x: there is no such base/);
    expect(() => create('copy', copied(4, [5], [1], [1], [2, 2, 3, 0]), memory)).toThrow(/x: it is not aligned/);
  });

  test('of nine axes, of other counts of operands, and of numbers that are none', () => {
    const memory = { inputs: [2048], outputs: [2048] };
    const nine = new Array<number>(9).fill(2);
    expect(() => create('copy', copied(4, nine, nine, nine, [2, 0, 3, 0]), memory)).toThrow(
      /field is out of its bounds rank/,
    );
    expect(() => create('copy', copied(4, [2], [1], [1], [2, 0]), memory)).toThrow(/other operands/);
    expect(() => create('copy', copied(3, [2], [1], [1], [2, 0, 3, 0]), memory)).toThrow(
      /no element has as many bytes/,
    );
    expect(() => create('copy', copied(4, [Number.NaN], [1], [1], [2, 0, 3, 0]), memory)).toThrow(
      /a list has a number out of its bounds/,
    );
    expect(() => create('copy', copied(4, [2 ** 39, 2 ** 39], [0, 0], [0, 0], [2, 0, 3, 0]), memory)).toThrow(
      /too many elements/,
    );
  });

  test('whose rows or windows lie farther apart than int counts', () => {
    const memory = { arena: 2 ** 40, inputs: [2 ** 40], outputs: [2 ** 40] };
    const spec = (name: string) => addon.instructions[at(name)];
    const product = { m: 3, n: 1, k: 1, ta: 0, tb: 0, lda: 2 ** 30, ldb: 1, ldc: 1, relu: 0, relu_max: 0, rank: 1 };
    const multiply = (fields: object) => [
      ...writeNumbers(spec('gemm'), { ...product, ...fields }, { dims: [1], steps: [0, 0, 0] }),
      ...[2, 0, 2, 0, -1, 0, -1, 0, 3, 0, 0, 0],
    ];
    expect(() => create('gemm', multiply({ lda: 2 ** 28 }), memory)).not.toThrow();
    expect(() => create('gemm', multiply({}), memory)).toThrow(/gemm: it has too many elements/);
    expect(() =>
      create('gemm', multiply({ m: 1, n: 2 ** 30, lda: 1, ldb: 2 ** 30, ldc: 2 ** 30, k: 2 }), memory),
    ).toThrow(/gemm: /);
    const window = {
      ...{ n: 1, h: 1, w: 1, c: 1, oh: 1, ow: 1, oc: 1, kh: 1, kw: 1, sh: 1, sw: 1, dh: 1, dw: 1, pt: 0, pl: 0 },
      ...{ groups: 1, precise: 0, packed: 0 },
    };
    const far = { kh: 17, kw: 17, dh: 2 ** 20, dw: 2 ** 20 };
    for (const [operation, fields] of [
      ['conv', far],
      ['conv', { c: 2048, ow: 1104, kh: 2, dh: 3, sh: 2 ** 20 - 3, sw: 486737 }],
      ['conv_input_grad', far],
      ['conv_filter_grad', { ...far, kw: 1, n: 256 }],
    ] as const) {
      const all = { ...window, ...fields, ...(operation !== 'conv_filter_grad' && { relu: 0, relu_max: 0 }) };
      const numbers = writeNumbers(spec(operation), all, {});
      expect(() => addon.scratchBytes(handle, Float64Array.of(at(operation), ...numbers)), operation).toThrow(
        /its windows reach too far/,
      );
    }
  });
});
