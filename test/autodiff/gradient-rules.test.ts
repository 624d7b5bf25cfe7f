import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTrainingStep } from '../../src/autodiff/index.js';
import { GRADIENT_RULES } from '../../src/autodiff/rules/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { Attrs } from '../../src/graph/graph.js';
import { tensor, toRef } from '../../src/graph/tensor.js';
import { seededRandom } from '../support/seeded-random.js';
import { checkGradients, PLAIN, randomFeeds } from './finite-differences.js';
import { oneOpNet } from './one-op-net.js';
import { randomTensor } from './random.js';

/** Relative to the largest gradient of the parameter; the reference is central differences in float64. */
const TOLERANCE = 1e-6;

interface Case {
  readonly op: string;
  readonly name: string;
  readonly shape: number[];
  readonly range?: [number, number];
  readonly body: Parameters<typeof oneOpNet>[1];
}

const unary = (op: string, range?: [number, number], attrs = {}): Case => ({
  op,
  name: `${op} ${JSON.stringify(attrs)}`,
  shape: [2, 5],
  ...(range ? { range } : {}),
  body: (b, x) => b.op(op, [x], attrs),
});

const binary = (op: string, shape: number[], other: number[], range: [number, number]): Case[] => [
  {
    op,
    name: `${op} [${shape}] with [${other}]`,
    shape,
    range,
    body: (b, x, p) => b.op(op, [x, b.op('Exp', [p('other', other)])]),
  },
  {
    op,
    name: `${op} [${other}] with [${shape}]`,
    shape,
    range,
    body: (b, x, p) => b.op(op, [b.op('Exp', [p('other', other)]), x]),
  },
];

const prelu = (slope: number[]): Case => ({
  op: 'PRelu',
  name: `PRelu with a slope of shape [${slope}]`,
  shape: [2, 4, 3],
  body: (b, x, p) => b.op('PRelu', [x, p('slope', slope)]),
});

const sampleNorm = (op: string, shape: number[], weights: number[], attrs: Attrs, shifted = true): Case => ({
  op,
  name: `${op} of [${shape}] ${JSON.stringify(attrs)}${shifted ? '' : ' without a shift'}`,
  shape,
  body: (b, x, p) => b.op(op, [x, p('scale', weights), ...(shifted ? [p('shift', weights)] : [])], attrs),
});

const arithmetic = ['Add', 'Sub', 'Mul', 'Div', 'Min', 'Max'].flatMap((op) => [
  ...binary(op, [2, 3, 4], [2, 3, 4], [0.5, 2]),
  ...binary(op, [2, 3, 4], [4], [0.5, 2]),
  ...binary(op, [2, 3, 4], [3, 1], [0.5, 2]),
  ...binary(op, [2, 1, 4], [1, 3, 1], [0.5, 2]),
  ...binary(op, [2, 3], [], [0.5, 2]),
]);

const gemm = (transA: number, transB: number, bias: number[] | undefined): Case => ({
  op: 'Gemm',
  name: `Gemm transA ${transA} transB ${transB} c ${bias ? `[${bias}]` : 'absent'}`,
  shape: [2, 4],
  body: (b, x, p) => {
    const a = transA ? b.op('Transpose', [x], { perm: [1, 0] }) : x;
    const w = p('w', transB ? [3, 4] : [4, 3]);
    const inputs = bias ? [a, w, p('c', bias)] : [a, w];
    return b.op('Gemm', inputs, { transA, transB, alpha: 0.5, beta: 2 });
  },
});

const matMul = (shape: number[], other: number[], swapped = false): Case => ({
  op: 'MatMul',
  name: swapped ? `MatMul [${other}] by [${shape}]` : `MatMul [${shape}] by [${other}]`,
  shape,
  body: (b, x, p) => {
    const y = b.op('MatMul', swapped ? [p('other', other), x] : [x, p('other', other)]);
    return b.op('Add', [b.op('Reshape', [y], { shape: [1, -1] }), b.constant('two', zeros([2, 1]), 'literal')]);
  },
});

const resize = (shape: number[], attrs: Attrs): Case => ({
  op: 'Resize',
  name: `Resize [${shape}] ${JSON.stringify(attrs)}`,
  shape,
  body: (b, x) => b.op('Resize', [x], attrs),
});

const slice = (attrs: Attrs): Case => ({
  op: 'Slice',
  name: `Slice ${JSON.stringify(attrs)}`,
  shape: [2, 4, 7],
  body: (b, x) => b.op('Slice', [x], attrs),
});

/** The result is seen as one row, beside a row of zeros as in {@link matMul}. */
const gather = (shape: number[], axis: number, indexShape: number[], indices: number[]): Case => ({
  op: 'Gather',
  name: `Gather [${shape}] along ${axis} by [${indexShape}]`,
  shape,
  body: (b, x) => {
    const y = b.op('Gather', [x, b.constant('ids', tensor('int64', indexShape, indices), 'literal')], { axis });
    return b.op('Reshape', [b.op('Tile', [b.op('Reshape', [y], { shape: [1, -1] })], { repeats: [1, shape[0]] })], {
      shape: [shape[0], -1],
    });
  },
});

const reduce = (op: string, attrs: Attrs): Case => ({
  op,
  name: `${op} ${JSON.stringify(attrs)}`,
  shape: [2, 3, 2, 4],
  body: (b, x) => b.op(op, [x], attrs),
});

const zeros = (shape: number[]) => randomTensor(() => 0.5, shape);

const CASES: Case[] = [
  unary('Identity'),
  unary('Relu'),
  unary('LeakyRelu', undefined, { alpha: 0.3 }),
  unary('LeakyRelu'),
  unary('Sigmoid'),
  unary('Tanh'),
  unary('Clip', [-3, 9], { min: 0, max: 6 }),
  unary('Clip', undefined, { max: 0.25 }),
  unary('Clip', undefined, { min: -0.25 }),
  unary('Softmax'),
  unary('LogSoftmax'),
  unary('Exp'),
  unary('Log', [0.5, 3]),
  unary('Sqrt', [0.5, 3]),
  unary('Neg'),
  unary('Abs'),
  unary('Elu', [-3, 3]),
  unary('Elu', [-3, 3], { alpha: 0.4 }),
  unary('Selu', [-3, 3]),
  unary('Gelu', [-3, 3]),
  unary('Gelu', [-3, 3], { approximate: 'tanh' }),
  unary('HardSigmoid', [-4, 4]),
  unary('HardSigmoid', [-4, 4], { alpha: 0.4, beta: 0.1 }),
  unary('HardSwish', [-5, 5]),
  unary('Softplus', [-4, 4]),
  unary('Softsign', [-4, 4]),
  unary('Mish', [-4, 4]),
  unary('Erf', [-3, 3]),
  unary('Pow', undefined, { exponent: 2 }),
  unary('Pow', undefined, { exponent: 3 }),
  unary('Pow', undefined, { exponent: 0 }),
  unary('Pow', [0.5, 2], { exponent: -0.5 }),
  unary('Reciprocal', [0.5, 2]),
  sampleNorm('LayerNormalization', [2, 5], [5], {}),
  sampleNorm('LayerNormalization', [2, 3, 4], [4], { axis: -1, epsilon: 1e-3 }),
  sampleNorm('LayerNormalization', [2, 3, 4], [3, 4], { axis: 1 }, false),
  sampleNorm('LayerNormalization', [2, 3, 2, 4], [2, 4], { axis: -2 }),
  sampleNorm('InstanceNormalization', [2, 3, 4], [3], {}),
  sampleNorm('InstanceNormalization', [2, 3, 2, 3], [3], { epsilon: 1e-3 }),
  sampleNorm('GroupNormalization', [2, 6], [6], { num_groups: 2 }),
  sampleNorm('GroupNormalization', [2, 6, 2, 2], [6], { num_groups: 3 }),
  sampleNorm('GroupNormalization', [2, 4, 2, 1, 3], [4], { num_groups: 1, epsilon: 1e-3 }),
  prelu([1]),
  prelu([3]),
  prelu([4, 1]),
  prelu([4, 3]),
  prelu([1, 4, 1]),
  {
    op: 'Softmax',
    name: 'Softmax over axis 1 of 3',
    shape: [2, 3, 4],
    body: (b, x) => b.op('Softmax', [x], { axis: 1 }),
  },
  {
    op: 'LogSoftmax',
    name: 'LogSoftmax over axis -2',
    shape: [2, 3, 4],
    body: (b, x) => b.op('LogSoftmax', [x], { axis: -2 }),
  },
  ...arithmetic,
  { op: 'Mul', name: 'Mul of a value with itself', shape: [2, 3], body: (b, x) => b.op('Mul', [x, x]) },
  gemm(0, 0, [3]),
  gemm(0, 1, [1, 3]),
  gemm(1, 0, undefined),
  gemm(1, 1, [2, 1]),
  gemm(0, 0, []),
  matMul([2, 4], [4, 3]),
  matMul([2, 5, 4], [4, 3]),
  matMul([2, 3, 5, 4], [4, 2]),
  matMul([2, 3, 5, 4], [3, 4, 2]),
  matMul([2, 1, 5, 4], [2, 3, 4, 2]),
  matMul([2, 5, 4], [3, 5], true),
  matMul([2, 4], [4]),
  matMul([2, 4, 3], [4], true),
  { op: 'Flatten', name: 'Flatten', shape: [2, 3, 4], body: (b, x) => b.op('Flatten', [x]) },
  { op: 'Reshape', name: 'Reshape', shape: [2, 3, 4], body: (b, x) => b.op('Reshape', [x], { shape: [0, 2, -1] }) },
  { op: 'Transpose', name: 'Transpose', shape: [2, 3, 4], body: (b, x) => b.op('Transpose', [x], { perm: [1, 2, 0] }) },
  {
    op: 'Concat',
    name: 'Concat, one value twice',
    shape: [2, 3, 4],
    body: (b, x, p) => b.op('Concat', [x, p('other', [2, 2, 4]), x], { axis: 1 }),
  },
  {
    op: 'Concat',
    name: 'Concat along a negative axis',
    shape: [2, 3],
    body: (b, x, p) => b.op('Concat', [p('other', [2, 2]), x], { axis: -1 }),
  },
  {
    op: 'Pad',
    name: 'Pad with a value',
    shape: [2, 3, 4],
    body: (b, x) => b.op('Pad', [x], { pads: [0, 1, 2, 0, 0, 3], value: 0.5 }),
  },
  {
    op: 'Pad',
    name: 'Pad that crops and pads',
    shape: [2, 3, 4],
    body: (b, x) => b.op('Pad', [x], { pads: [0, -1, -1, 0, 2, 0] }),
  },
  {
    op: 'Pad',
    name: 'Pad that reflects',
    shape: [2, 3, 4, 5],
    body: (b, x) => b.op('Pad', [x], { pads: [0, 0, 2, 1, 0, 0, 1, 4], mode: 'reflect' }),
  },
  {
    op: 'Pad',
    name: 'Pad that repeats the edge',
    shape: [2, 3, 4],
    body: (b, x) => b.op('Pad', [x], { pads: [0, 1, 3, 0, 0, -1], mode: 'edge' }),
  },
  ...['nearest', 'linear'].flatMap((mode) =>
    ['asymmetric', 'half_pixel', 'align_corners'].flatMap((coordinates) => [
      resize([2, 2, 3, 4], { scales: [1, 1, 2, 3], mode, coordinate_transformation_mode: coordinates }),
      resize([2, 2, 5], { scales: [1, 1, 0.6], mode, coordinate_transformation_mode: coordinates }),
      resize([2, 1, 2, 3, 4], { scales: [1, 1, 1.5, 1, 0.5], mode, coordinate_transformation_mode: coordinates }),
    ]),
  ),
  slice({ axes: [1, -1], starts: [1, -3], ends: [3, 100] }),
  slice({ axes: [1], starts: [0], ends: [4] }),
  slice({ axes: [2], starts: [1], ends: [6], steps: [2] }),
  slice({ axes: [2, 1], starts: [1, 0], ends: [100, 100], steps: [3, 2] }),
  slice({ axes: [2], starts: [-2], ends: [-100], steps: [-1] }),
  slice({ axes: [1, 2], starts: [-1, -1], ends: [0, -100], steps: [-2, -3] }),
  ...['ReduceSum', 'ReduceMean', 'ReduceMax'].flatMap((op) => [
    reduce(op, { axes: [1], keepdims: 1 }),
    reduce(op, { axes: [-1, 2], keepdims: 0 }),
    reduce(op, { axes: [1, 2, 3] }),
    reduce(op, { axes: [] }),
  ]),
  {
    op: 'Expand',
    name: 'Expand',
    shape: [2, 1, 3],
    body: (b, x) => b.op('Expand', [x], { shape: [4, 1] }),
  },
  {
    op: 'Expand',
    name: 'Expand with an axis in front',
    shape: [2, 3],
    body: (b, x) => b.op('Transpose', [b.op('Expand', [x], { shape: [4, 1, 1] })], { perm: [1, 0, 2] }),
  },
  {
    op: 'ExpandBatch',
    name: 'ExpandBatch',
    shape: [1, 3],
    body: (b, x) => b.op('ExpandBatch', [x, b.constant('like', zeros([2, 1]), 'literal')]),
  },
  ...['Greater', 'Less', 'Equal'].map(
    (op): Case => ({
      op,
      name: `${op}, of which nothing flows back`,
      shape: [2, 4],
      body: (b, x) => b.op('Where', [b.op(op, [x, b.constant('zero', zeros([1]), 'literal')]), x, b.op('Exp', [x])]),
    }),
  ),
  {
    op: 'Where',
    name: 'Where of [2, 3] and [3]',
    shape: [2, 3],
    body: (b, x, p) => {
      const condition = b.constant('condition', tensor('bool', [2, 1], [1, 0]), 'literal');
      return b.op('Where', [condition, x, p('other', [3])]);
    },
  },
  { op: 'Tile', name: 'Tile', shape: [2, 3, 2], body: (b, x) => b.op('Tile', [x], { repeats: [1, 2, 3] }) },
  gather([5, 3], 0, [2, 2], [0, 4, 4, -5]),
  gather([2, 5, 3], 1, [2, 2], [0, 4, 4, -5]),
  gather([2, 5, 3], -2, [], [3]),
  {
    op: 'GlobalAveragePool',
    name: 'GlobalAveragePool',
    shape: [2, 3, 4, 3],
    body: (b, x) => b.op('GlobalAveragePool', [x]),
  },
  { op: 'GlobalMaxPool', name: 'GlobalMaxPool', shape: [2, 3, 4, 3], body: (b, x) => b.op('GlobalMaxPool', [x]) },
];

const WINDOWED = ['Conv', 'ConvTranspose', 'MaxPool', 'AveragePool'];

describe('gradient rules agree with finite differences', () => {
  test.each(CASES.map((c) => [c.name, c] as const))('%s', (_name, { shape, range, body }) => {
    const graph = oneOpNet(randomTensor(seededRandom(shape.length), shape, ...(range ?? [-1, 1])), body);
    const { errors } = checkGradients(graph);
    expect(errors.size).toBeGreaterThan(0);
    for (const [parameter, error] of errors) expect(error, parameter).toBeLessThan(TOLERANCE);
  });

  test('every rule of the table is checked', () => {
    const checked = new Set([...CASES.map((c) => c.op), ...WINDOWED]);
    expect([...GRADIENT_RULES.keys()].filter((op) => !checked.has(op))).toEqual([]);
  });
});

/** Geometry of windows over `axes` spatial axes; kernels fit the padded input. */
const windows = (axes: number) =>
  fc
    .record({
      extents: fc.array(fc.integer({ min: 3, max: 6 }), { minLength: axes, maxLength: axes }),
      kernel: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: axes, maxLength: axes }),
      strides: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: axes, maxLength: axes }),
      dilations: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: axes, maxLength: axes }),
      pads: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 2 * axes, maxLength: 2 * axes }),
      autoPad: fc.constantFrom('NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
      seed: fc.integer({ min: 0, max: 1e6 }),
    })
    .map((g) => ({ ...g, dilations: g.dilations.map((d, i) => ((g.kernel[i] - 1) * d < g.extents[i] ? d : 1)) }));

const padding = (autoPad: string, pads: number[]): Attrs => (autoPad === 'NOTSET' ? { pads } : { auto_pad: autoPad });

function expectSmall(errors: Map<string, number>): void {
  for (const [parameter, error] of errors) expect(error, parameter).toBeLessThan(TOLERANCE);
}

describe('window gradients agree with finite differences for any geometry', () => {
  test('Conv: strides, dilations, explicit and automatic padding, groups, depthwise with multiplier, bias', () => {
    const channels = fc.constantFrom(
      { group: 1, inputs: 2, outputs: 3 },
      { group: 2, inputs: 4, outputs: 2 },
      { group: 3, inputs: 3, outputs: 3 },
      { group: 2, inputs: 2, outputs: 4 },
    );
    const cases = fc.tuple(fc.integer({ min: 1, max: 2 }).chain(windows), channels, fc.boolean());
    fc.assert(
      fc.property(cases, ([g, { group, inputs, outputs }, bias]) => {
        const x = randomTensor(seededRandom(g.seed), [2, inputs, ...g.extents]);
        const graph = oneOpNet(x, (b, value, p) => {
          const w = p('w', [outputs, inputs / group, ...g.kernel]);
          const attrs: Attrs = { strides: g.strides, dilations: g.dilations, group, ...padding(g.autoPad, g.pads) };
          return b.op('Conv', bias ? [value, w, p('bias', [outputs])] : [value, w], attrs);
        });
        const { errors } = checkGradients(graph);
        expect([...errors.keys()].sort()).toEqual(bias ? ['bias', 'w', 'x'] : ['w', 'x']);
        expectSmall(errors);
      }),
      { numRuns: 40, seed: 20 },
    );
  });

  test('ConvTranspose: strides, dilations, output padding, groups, depthwise with multiplier, bias', () => {
    const channels = fc.constantFrom(
      { group: 1, inputs: 2, outputs: 3 },
      { group: 2, inputs: 4, outputs: 2 },
      { group: 3, inputs: 3, outputs: 3 },
      { group: 2, inputs: 2, outputs: 4 },
    );
    const cases = fc.tuple(fc.integer({ min: 1, max: 2 }).chain(windows), channels, fc.nat(2));
    fc.assert(
      fc.property(cases, ([g, { group, inputs, outputs }, beyond]) => {
        const x = randomTensor(seededRandom(g.seed), [2, inputs, ...g.extents]);
        const graph = oneOpNet(x, (b, value, p) => {
          const weights = [p('w', [inputs, outputs / group, ...g.kernel]), p('bias', [outputs])];
          // Extents of at least 3 outlast pads of 1 on either side.
          const pads = g.pads.map((pad) => Math.min(pad, 1));
          const attrs: Attrs = { strides: g.strides, dilations: g.dilations, group, ...padding(g.autoPad, pads) };
          const outputPadding = g.strides.map((stride) => Math.min(beyond, stride - 1));
          return b.op('ConvTranspose', [value, ...weights], { ...attrs, output_padding: outputPadding });
        });
        const { errors } = checkGradients(graph);
        expect([...errors.keys()].sort()).toEqual(['bias', 'w', 'x']);
        expectSmall(errors);
      }),
      { numRuns: 40, seed: 22 },
    );
  });

  test('Conv over three spatial axes', () => {
    const graph = oneOpNet(randomTensor(seededRandom(3), [2, 2, 3, 4, 3]), (b, x, p) =>
      b.op('Conv', [x, p('w', [3, 2, 2, 3, 2])], { pads: [1, 0, 1, 0, 1, 1], strides: [1, 2, 1] }),
    );
    expectSmall(checkGradients(graph).errors);
  });

  test.each([
    ['MaxPool', {}],
    ['AveragePool', { count_include_pad: 0 }],
    ['AveragePool', { count_include_pad: 1 }],
  ] as const)('%s %o', (op, attrs) => {
    const cases = fc.tuple(fc.integer({ min: 1, max: 2 }).chain(windows), fc.integer({ min: 0, max: 1 }));
    fc.assert(
      fc.property(cases, ([g, ceil]) => {
        const axes = g.extents.length;
        const pads = g.pads.map((pad, i) => Math.min(pad, g.kernel[i % axes] - 1));
        const x = randomTensor(seededRandom(g.seed), [2, 2, ...g.extents]);
        const pool: Attrs = {
          kernel_shape: g.kernel,
          strides: g.strides,
          ...padding(g.autoPad, pads),
          ceil_mode: ceil,
          ...attrs,
        };
        expectSmall(checkGradients(oneOpNet(x, (b, value) => b.op(op, [value], pool))).errors);
      }),
      { numRuns: 25, seed: 21 },
    );
  });
});

test('max pools hand the gradient to the first of equal maxima', () => {
  const equal = randomTensor(() => 1, [1, 1, 2, 2]);
  for (const op of ['MaxPool', 'GlobalMaxPool']) {
    const attrs: Attrs = op === 'MaxPool' ? { kernel_shape: [2, 2] } : {};
    const b = new GraphBuilder('ties');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 1, 2, 2] });
    const pooled = b.op(op, [b.op('Mul', [x, b.constant('w', equal, 'parameter')])], attrs);
    const projection = b.constant('projection', tensor('float32', [2, 1], [1, -1]), 'literal');
    b.output('y', b.op('Gemm', [b.op('Flatten', [pooled]), projection], { transB: 1 }));
    const graph = b.build();
    const step = createTrainingStep(graph, PLAIN);
    const feeds = randomFeeds(graph, step, 1, 1).set('x', toRef(equal));
    const after = evaluateGraph(step.graph, feeds).get(step.parameters[0].output)!.data;
    const moved = [...after].map((value) => value !== 1);
    expect(moved, op).toEqual([true, false, false, false]);
  }
});
