/** Layers without a bias are given one: as an input of theirs, or in an Add behind them. */
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../src/graph/graph.js';
import { withoutSpares } from '../../../src/graph/passes/spare-biases.js';
import type { Tensor } from '../../../src/graph/tensor.js';
import {
  TensorProto_DataType as DataType,
  decodeModel,
  encodeTensor,
  type GraphProto,
} from '../../../src/onnx-proto/index.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { type ModelSketch, onnxBytes } from './onnx-models.js';
import { PLAIN, shapes, weights } from './plain-net.js';
import { expectSame, prune, randomFeeds, run } from './prune-file.js';

const SPARE = { spareBiases: true };

/** Of each kind of layer that may have a bias one that has none. */
const BARE: ModelSketch = {
  inputs: { x: [1, 3, 8, 8] },
  outputs: { y: [1, 4], z: [1, 64, 4] },
  weights: {
    'c.weight': weights(8, 3, 3, 3),
    't.weight': weights(8, 3, 2, 2),
    fc: weights(5, 6),
    'm.kernel:0': weights(8, 4),
    last: weights(5, 4),
  },
  nodes: [
    ['Conv', ['x', 'c.weight'], ['a'], { pads: [1, 1, 1, 1] }],
    ['Relu', ['a'], ['b']],
    ['ConvTranspose', ['b', 't.weight'], ['c'], { group: 2, strides: [2, 2] }],
    ['GlobalAveragePool', ['c'], ['d']],
    ['Flatten', ['d'], ['e']],
    ['Gemm', ['e', 'fc'], ['f'], { transB: 1 }],
    ['Relu', ['f'], ['g']],
    ['MatMul', ['g', 'last'], ['y']],
    ['Reshape', ['b', 'rows'], ['h']],
    ['Transpose', ['h'], ['i'], { perm: [0, 2, 1] }],
    ['MatMul', ['i', 'm.kernel:0'], ['z']],
  ],
};
const bare = (over: Partial<ModelSketch> = {}): ModelSketch => {
  const rows = encodeTensor('rows', { dtype: 'int64', shape: [3], data: BigInt64Array.of(1n, 8n, 64n) } as never);
  return { ...BARE, ...over, weights: { ...BARE.weights, ...over.weights, rows } };
};
const added = (proto: GraphProto) => proto.node.filter(({ opType }) => opType === 'Add').map(({ output }) => output[0]);

test('in the graph all of them have a bias of zeros, which changes nothing', async () => {
  const bytes = onnxBytes(bare());
  const [plain, spared] = [await readOnnxBytes(bytes), await readOnnxBytes(bytes, undefined, SPARE)];
  const spares = [...spared.graph.constants].filter(([, { role }]) => role === 'spare');
  expect(spares.map(([id, { tensor }]) => [id, ...tensor.shape])).toEqual([
    ['c.bias', 8],
    ['t.bias', 6],
    ['fc_bias', 5],
    ['last_bias', 4],
    ['m.bias:0', 4],
  ]);
  const feeds = randomFeeds(plain.graph, 1);
  expectSame(await run(spared.graph, feeds), await run(plain.graph, feeds), 0);
  const without = withoutSpares(spared.graph);
  expect(without.nodes.map(({ op }) => op)).toEqual(plain.graph.nodes.map(({ op }) => op));
  expect([...without.constants.keys()]).toEqual([...plain.graph.constants.keys()]);
  expectSame(await run(without, feeds), await run(plain.graph, feeds), 0);
  // A file that is given none is what it was.
  const [own, other] = [await spared.write(without), await plain.write(plain.graph)];
  expect(own.get('model.onnx')).toEqual(other.get('model.onnx'));
});

test('the file is given those that the graph has', async () => {
  const { proto } = await prune(onnxBytes(bare()), SPARE);
  expect(shapes(proto)).toMatchObject({ 'c.bias': [4], 't.bias': [2], fc_bias: [2], last_bias: [4], 'm.bias:0': [4] });
  expect(proto.node.filter(({ opType }) => /^Conv|Gemm/.test(opType)).map(({ input }) => input[2])).toEqual([
    'c.bias',
    't.bias',
    'fc_bias',
  ]);
  expect(added(proto)).toEqual(['y', 'z']);
  expect(new Set(proto.node.map(({ name }) => name)).size).toBe(proto.node.length);
});

describe('in files of other kinds', () => {
  test('that list their initializers among the inputs', async () => {
    const { proto } = await prune(onnxBytes(bare({ irVersion: 3, listInitializers: true, opset: 11 })), SPARE);
    expect(proto.input.map(({ name }) => name)).toContain('fc_bias');
  });

  test('whose names are taken', async () => {
    const taken = { ...PLAIN, weights: { ...PLAIN.weights, 'c2.bias': weights(5) } as Record<string, Tensor> };
    const nodes = PLAIN.nodes.map((node): (typeof PLAIN.nodes)[number] =>
      node[0] === 'Gemm' ? ['Gemm', ['e', 'fc.weight', 'c2.bias'], ['y'], { transB: 1 }] : node,
    );
    const { 'fc.bias': _, ...own } = taken.weights;
    const { proto } = await prune(onnxBytes({ ...taken, weights: own, nodes }), SPARE);
    expect(shapes(proto)).toMatchObject({ 'c2.bias': [5], 'c2.bias_2': [3] });
  });

  test('of 16-bit floats, whose biases are such, too', async () => {
    const half = Object.fromEntries(
      Object.entries(PLAIN.weights!).map(([name, w]) => [name, encodeTensor(name, w as Tensor, DataType.FLOAT16)]),
    );
    const bytes = onnxBytes({ ...PLAIN, elementType: DataType.FLOAT16, weights: half });
    const { proto, model } = await prune(bytes, { ...SPARE, fileRuns: false, most: 2e-3 });
    expect(new Set(proto.initializer.map((t) => t.dataType))).toEqual(new Set([DataType.FLOAT16]));
    expect(shapes(proto)['c2.bias']).toEqual([3]);
    const wide = decodeModel((await model.write(model.graph, { dequantized: true })).get('model.onnx')!).graph!;
    expect(new Set(wide.initializer.map((t) => t.dataType))).toEqual(new Set([DataType.FLOAT]));
  });

  test('in which two nodes share their weights: they share the bias', async () => {
    const { proto } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 8, 8], y: [1, 3, 8, 8] },
        outputs: { z: [1, 4, 4, 4] },
        weights: { w: weights(8, 3, 3, 3), v: weights(4, 8, 3, 3) },
        nodes: [
          ['Conv', ['x', 'w'], ['a']],
          ['Conv', ['y', 'w'], ['b']],
          ['Add', ['a', 'b'], ['c']],
          ['Relu', ['c'], ['d']],
          ['Conv', ['d', 'v'], ['z']],
        ],
      }),
      SPARE,
    );
    expect(proto.node.flatMap(({ opType, input }) => (opType === 'Conv' ? [input[2]] : []))).toEqual([
      'w_bias',
      'w_bias',
      'v_bias',
    ]);
  });

  test.each<[string, ModelSketch, string[][]]>([
    [
      'by matrices that are turned round: an autoencoder',
      {
        inputs: { x: [1, 16] },
        outputs: { y: [1, 16] },
        weights: { w: weights(16, 6) },
        nodes: [
          ['Gemm', ['x', 'w'], ['h']],
          ['Relu', ['h'], ['i']],
          ['Gemm', ['i', 'w'], ['y'], { transB: 1 }],
        ],
      },
      [['w_bias'], ['w_bias_1']],
    ],
    [
      'in groups of other numbers',
      {
        inputs: { x: [1, 4, 5, 5] },
        outputs: { y: [1, 2, 6, 6], z: [1, 4, 6, 6] },
        weights: { w: weights(4, 2, 2, 2) },
        nodes: [
          ['ConvTranspose', ['x', 'w'], ['y']],
          ['ConvTranspose', ['x', 'w'], ['z'], { group: 2 }],
        ],
      },
      [['w_bias'], ['w_bias_1']],
    ],
  ])('in which two nodes make other outputs of the same weights, %s', async (_name, sketch, biases) => {
    const model = await readOnnxBytes(onnxBytes(sketch), undefined, SPARE);
    const proto = decodeModel((await model.write(model.graph)).get('model.onnx')!).graph!;
    const layers = proto.node.filter(({ opType }) => opType !== 'Relu');
    expect(layers.map(({ input }) => input.slice(2))).toEqual(biases);
  });

  test('whose matrices have no names: their layers are called as before', async () => {
    const nodes = bare().nodes.map(
      ([op, inputs, outputs, attributes = {}]) => [op, inputs, outputs, attributes, ''] as const,
    );
    const model = await readOnnxBytes(onnxBytes(bare({ nodes })), undefined, SPARE);
    const again = await readOnnxBytes((await model.write(model.graph)).get('model.onnx')!);
    const layersOf = (graph: Graph) => graph.nodes.flatMap(({ op, layer }) => (op === 'MatMul' ? [layer] : []));
    expect(layersOf(again.graph)).toEqual(layersOf(model.graph));
  });

  test.each<[string, ModelSketch['nodes'][number]]>([
    ['Gemm', ['Gemm', ['x', 'w'], ['y']]],
    ['MatMul', ['MatMul', ['x', 'w'], ['y']]],
  ])('old ones, in which nothing broadcasts by itself: a %s is given none', async (_name, node) => {
    const sketch = { inputs: { x: [1, 6] }, outputs: { y: [1, 5] }, weights: { w: weights(6, 5) }, nodes: [node] };
    const { graph } = await readOnnxBytes(onnxBytes({ ...sketch, opset: 6 }), undefined, SPARE);
    expect([...graph.constants.values()].map(({ role }) => role)).toEqual(['parameter']);
  });
});
