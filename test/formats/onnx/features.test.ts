import { clearField } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { createTrainingStep } from '../../../src/autodiff/index.js';
import { fileSetOf } from '../../../src/formats/index.js';
import { ONNX } from '../../../src/formats/onnx/index.js';
import { getSpec } from '../../../src/graph/graph.js';
import { selectOutputs } from '../../../src/graph/passes/select-outputs.js';
import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  decodeModel,
  encodeModel,
  encodeTensor,
  type GraphProto,
  TensorProtoSchema,
} from '../../../src/onnx-proto/index.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { faultOf } from '../../support/fault-of.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { seededRandom } from '../../support/seeded-random.js';
import { type ModelSketch, onnxBytes, onnxModel } from './onnx-models.js';
import { expectSame, prune, randomFeeds, run, runBytes } from './prune-file.js';

const random = seededRandom(7);

function weights(...shape: number[]): Tensor<'float32'> {
  const size = shape.reduce((n, d) => n * d, 1);
  return tensor(
    'float32',
    shape,
    Float32Array.from({ length: size }, () => random() - 0.5),
  );
}

const positive = (n: number) =>
  tensor(
    'float32',
    [n],
    Float32Array.from({ length: n }, () => 0.5 + random()),
  );
const ints = (...values: number[]) => tensor('int64', [values.length], values);

const shapes = (proto: GraphProto) => Object.fromEntries(proto.initializer.map((t) => [t.name, t.dims.map(Number)]));
const units = (mutator: ChannelMutator) => mutator.mutableUnits.map((unit) => unit.name);

/** Two convolutions and a dense layer, in PyTorch's names. */
const PLAIN: ModelSketch = {
  inputs: { x: [1, 3, 8, 8] },
  outputs: { y: [1, 5] },
  weights: {
    'c1.weight': weights(8, 3, 3, 3),
    'c1.bias': weights(8),
    'c2.weight': weights(6, 8, 3, 3),
    'fc.weight': weights(5, 6),
    'fc.bias': weights(5),
  },
  nodes: [
    ['Conv', ['x', 'c1.weight', 'c1.bias'], ['a'], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }],
    ['Relu', ['a'], ['b']],
    ['Conv', ['b', 'c2.weight'], ['c'], {}],
    ['GlobalAveragePool', ['c'], ['d']],
    ['Flatten', ['d'], ['e']],
    ['Gemm', ['e', 'fc.weight', 'fc.bias'], ['y'], { transB: 1 }],
  ],
  values: { a: [1, 8, 8, 8], c: [1, 6, 6, 6] },
};

/** The same with other names of weights and other values in their places. */
function withNodes(change: Partial<ModelSketch>): ModelSketch {
  return { ...PLAIN, ...change };
}

describe('layers, metadata and value infos', () => {
  test('a layer is called what its weight is called without .weight, and the file keeps all that is not narrower', async () => {
    const proto = onnxModel(PLAIN);
    proto.docString = 'mine';
    proto.metadataProps.push({ $typeName: 'onnx.StringStringEntryProto', key: 'labels', value: 'a,b' });
    proto.graph!.node[1].docString = 'a relu';
    proto.$unknown = [{ no: 999, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }];
    const { mutator, written, proto: graph } = await prune(encodeModel(proto));
    expect(units(mutator)).toEqual(['c1_(0, 8)_8', 'c2_(0, 6)_6']);
    expect(shapes(graph)).toEqual({
      'c1.weight': [4, 3, 3, 3],
      'c1.bias': [4],
      'c2.weight': [3, 4, 3, 3],
      'fc.weight': [5, 3],
      'fc.bias': [5],
    });
    const model = decodeModel(written);
    expect([model.docString, model.producerName, model.metadataProps[0].value]).toEqual(['mine', 'sketch', 'a,b']);
    expect(model.$unknown).toEqual(proto.$unknown);
    expect(graph.node.map((node) => [node.name, node.docString])).toEqual(
      proto.graph!.node.map((node) => [node.name, node.docString]),
    );
    const dims = graph.valueInfo.map((info) => {
      const type = info.type!.value;
      return type.case === 'tensorType' ? type.value.shape!.dim.map((d) => Number(d.value.value)) : [];
    });
    expect(dims).toEqual([
      [1, 4, 8, 8],
      [1, 3, 6, 6],
    ]);
  });

  test('what is not pruned is written byte for byte', async () => {
    const bytes = onnxBytes(PLAIN);
    const model = await readOnnxBytes(bytes);
    expect((await model.write(model.graph)).get('model.onnx')).toEqual(bytes);
  });

  test('initializers that are inputs too, as before IR version 4', async () => {
    const { proto } = await prune(onnxBytes(withNodes({ listInitializers: true, irVersion: 3 })));
    const listed = proto.input.map((info) => {
      const type = info.type!.value;
      return [info.name, type.case === 'tensorType' ? type.value.shape!.dim.map((d) => Number(d.value.value)) : []];
    });
    expect(Object.fromEntries(listed)).toEqual({ x: [1, 3, 8, 8], ...shapes(proto) });
  });

  test('outputs that are not kept leave the file, with what only they need', async () => {
    const sketch = withNodes({
      outputs: { y: [1, 5], z: [1, 2, 6, 6] },
      weights: { ...PLAIN.weights, 'c3.weight': weights(2, 6, 1, 1) },
      nodes: [...PLAIN.nodes, ['Conv', ['c', 'c3.weight'], ['z']]],
    });
    const model = await readOnnxBytes(onnxBytes(sketch));
    const written = await model.write(selectOutputs(model.graph, ['y']));
    expect(decodeModel(written.get('model.onnx')!)).toEqual(decodeModel(onnxBytes(PLAIN)));
  });
});

describe('weights', () => {
  /** Its weights in another type. */
  const typed = (type: DataType): ModelSketch => ({
    ...PLAIN,
    elementType: type,
    weights: Object.fromEntries(
      Object.entries(PLAIN.weights!).map(([name, w]) => {
        const t = w as Tensor<'float32'>;
        const own = type === DataType.DOUBLE ? tensor('float64', t.shape, Float64Array.from(t.data)) : t;
        return [name, encodeTensor(name, own, type)];
      }),
    ),
  });

  test.each([
    ['float16', DataType.FLOAT16, true],
    ['bfloat16', DataType.BFLOAT16, true],
    ['double', DataType.DOUBLE, false],
  ])('%s weights stay what they are', async (_name, type, quantized) => {
    const { model, proto } = await prune(onnxBytes(typed(type)), { fileRuns: false });
    expect(model.quantized).toBe(quantized);
    expect(proto.initializer.map((t) => t.dataType)).toEqual(proto.initializer.map(() => type));
    expect(shapes(proto)['c1.weight']).toEqual([4, 3, 3, 3]);
    const wide = (await model.write(model.graph, { dequantized: true })).get('model.onnx')!;
    const types = decodeModel(wide).graph!.initializer.map((t) => t.dataType);
    expect(types).toEqual(types.map(() => (quantized ? DataType.FLOAT : DataType.DOUBLE)));
  });

  test('typed data are read as raw ones are', async () => {
    const proto = onnxModel(PLAIN);
    for (const t of proto.graph!.initializer) {
      t.floatData = [...new Float32Array(t.rawData.slice().buffer)];
      clearField(t, TensorProtoSchema.field.rawData);
    }
    const { proto: graph } = await prune(encodeModel(proto));
    expect(shapes(graph)['c2.weight']).toEqual([3, 4, 3, 3]);
  });

  test('weights in Constant nodes, and made by ConstantOfShape', async () => {
    const { 'c1.weight': w, ...others } = PLAIN.weights as Record<string, Tensor>;
    const filled = tensor('float32', [1], [0.25]);
    const { proto } = await prune(
      onnxBytes({
        ...PLAIN,
        weights: { ...others, shape: ints(6) },
        nodes: [
          ['Constant', [], ['c1.weight'], { value: { tensor: w } }],
          ['ConstantOfShape', ['shape'], ['c2.bias'], { value: { tensor: filled } }],
          ...PLAIN.nodes.slice(0, 2),
          ['Conv', ['b', 'c2.weight', 'c2.bias'], ['c']],
          ...PLAIN.nodes.slice(3),
        ],
      }),
    );
    expect(proto.node[0].attribute[0].t!.dims.map(Number)).toEqual([4, 3, 3, 3]);
    const shape = proto.initializer.find((t) => t.name === 'shape')!;
    expect([...new BigInt64Array(shape.rawData.slice().buffer)]).toEqual([3n]);
  });

  test('equal weights of two layers that the exporter shares, by Identity or directly, are told apart again', async () => {
    const norm = (name: string) => [`${name}.weight`, `${name}.bias`, `${name}.mean`, `${name}.var`];
    const sketch: ModelSketch = {
      inputs: { x: [1, 3, 8, 8] },
      outputs: { y: [1, 4, 8, 8] },
      weights: {
        'c1.weight': weights(8, 3, 1, 1),
        'c2.weight': weights(8, 8, 1, 1),
        'c3.weight': weights(4, 8, 1, 1),
        'bn1.weight': positive(8),
        'bn1.bias': weights(8),
        'bn1.mean': weights(8),
        'bn1.var': positive(8),
        zeros: tensor('float32', [8], new Float32Array(8)),
      },
      nodes: [
        ...norm('bn2').map((name, i) => ['Identity', [norm('bn1')[i]], [name]] as const),
        ['Conv', ['x', 'c1.weight', 'zeros'], ['a']],
        ['BatchNormalization', ['a', ...norm('bn1')], ['b']],
        ['Conv', ['b', 'c2.weight', 'zeros'], ['c']],
        ['BatchNormalization', ['c', ...norm('bn2')], ['d']],
        ['Conv', ['d', 'c3.weight'], ['y']],
      ],
    };
    const { mutator, proto } = await prune(onnxBytes(sketch));
    expect(units(mutator)).toEqual(['c1_(0, 8)_8', 'c2_(0, 8)_8']);
    const layers = mutator.mutableUnits.map(({ channelUnit }) => channelUnit.outputRelated.map((r) => r.name));
    expect(layers).toEqual([
      ['c1', 'bn1'],
      ['c2', 'bn2'],
    ]);
    expect(shapes(proto)).toMatchObject({ 'bn1.bias': [4], 'bn2.bias': [4], zeros: [4] });
  });

  test('a layer that is called twice stays one', async () => {
    const { mutator, proto } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 8, 8] },
        outputs: { y: [1, 2, 8, 8] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(8, 8, 1, 1),
          'c3.weight': weights(2, 8, 1, 1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Conv', ['a', 'c2.weight'], ['b']],
          ['Conv', ['b', 'c2.weight'], ['c']],
          ['Conv', ['c', 'c3.weight'], ['y']],
        ],
      }),
    );
    expect(mutator.mutableUnits.length).toBe(1);
    expect(shapes(proto)).toMatchObject({ 'c1.weight': [4, 3, 1, 1], 'c2.weight': [4, 4, 1, 1] });
  });

  test('a weight that the file transposes is written as the result', async () => {
    const { proto } = await prune(
      onnxBytes({
        ...PLAIN,
        weights: { ...PLAIN.weights, 'fc.weight': weights(6, 5) },
        nodes: [
          ['Transpose', ['fc.weight'], ['fc.t'], { perm: [1, 0] }],
          ...PLAIN.nodes.slice(0, 5),
          ['Gemm', ['e', 'fc.t', 'fc.bias'], ['y'], { transB: 1 }],
        ],
      }),
    );
    expect(shapes(proto)).toMatchObject({ 'fc.t': [5, 3] });
    expect(proto.node.map((node) => node.opType)).not.toContain('Transpose');
  });
});

describe('external data', () => {
  async function external(location: string, files: Record<string, Uint8Array> = {}) {
    const proto = onnxModel(PLAIN);
    const parts: Uint8Array[] = [];
    let offset = 0;
    for (const t of proto.graph!.initializer) {
      const entry = (key: string, value: string) => ({ $typeName: 'onnx.StringStringEntryProto' as const, key, value });
      t.externalData = [
        entry('location', location),
        entry('offset', String(offset)),
        entry('length', String(t.rawData.length)),
      ];
      t.dataLocation = DataLocation.EXTERNAL;
      parts.push(t.rawData);
      offset += t.rawData.length;
      t.rawData = new Uint8Array();
    }
    const all = new Map([['net/model.onnx', encodeModel(proto)], ...Object.entries(files)]);
    if (Object.keys(files).length === 0) all.set('net/weights.bin', Buffer.concat(parts));
    return ONNX.read(fileSetOf(all));
  }

  test('is read from the zip, and written there again', async () => {
    const model = await external('weights.bin');
    const plain = await readOnnxBytes(onnxBytes(PLAIN));
    const feeds = randomFeeds(plain.graph, 1);
    expectSame(await run(model.graph, feeds), await run(plain.graph, feeds));
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(model.graph);
    mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
    const written = await model.write(mutator.exportSubnet().graph);
    expect([...written.keys()].sort()).toEqual(['net/model.onnx', 'net/weights.bin']);
    const again = await ONNX.read(fileSetOf(written));
    expectSame(await run(again.graph, feeds), await run(mutator.maskedGraph(), feeds));
  });

  test.each([
    ['/etc/passwd', 'ARCHIVE_UNSAFE_PATH'],
    ['../../etc/passwd', 'ARCHIVE_UNSAFE_PATH'],
    ['a/../../../b', 'ARCHIVE_UNSAFE_PATH'],
    ['C:\\x', 'ARCHIVE_UNSAFE_PATH'],
    ['other.bin', 'WEIGHTS_MISSING'],
  ])('in %s is refused', async (location, code) => {
    await expect(external(location)).rejects.toMatchObject({ code });
  });

  test('that ends too early is refused', async () => {
    await expect(external('w.bin', { 'net/w.bin': new Uint8Array(10) })).rejects.toMatchObject({
      code: 'WEIGHTS_LENGTH',
    });
  });
});

describe('shapes', () => {
  test('a symbolic batch, and shape arithmetic with it: the head follows what is pruned', async () => {
    const { model, proto } = await prune(
      onnxBytes({
        inputs: { x: ['batch', 3, 6, 6] },
        outputs: { y: ['batch', 5] },
        weights: {
          'c1.weight': weights(8, 3, 3, 3),
          'fc.weight': weights(5, 128),
          zero: tensor('int64', [], [0]),
          ax: ints(0),
          rest: ints(-1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Shape', ['a'], ['s']],
          ['Gather', ['s', 'zero'], ['n'], { axis: 0 }],
          ['Unsqueeze', ['n', 'ax'], ['nn']],
          ['Concat', ['nn', 'rest'], ['to'], { axis: 0 }],
          ['Reshape', ['a', 'to'], ['flat']],
          ['Gemm', ['flat', 'fc.weight'], ['y'], { transB: 1 }],
        ],
      }),
      { batch: 3 },
    );
    expect(getSpec(model.graph, 'x').shape[0]).toBe('N');
    expect(shapes(proto)['fc.weight']).toEqual([5, 64]);
    expect(proto.node.map((node) => node.opType)).toContain('Shape');
  });

  test('a batch of 1 in the constants of reshapes is opened', async () => {
    const bytes = onnxBytes({
      inputs: { x: [1, 3, 6, 6] },
      outputs: { y: [1, 5] },
      weights: { 'c1.weight': weights(8, 3, 3, 3), 'fc.weight': weights(5, 128), to: ints(1, 128) },
      nodes: [
        ['Conv', ['x', 'c1.weight'], ['a']],
        ['Reshape', ['a', 'to'], ['flat']],
        ['Gemm', ['flat', 'fc.weight'], ['y'], { transB: 1 }],
      ],
    });
    const { model, proto } = await prune(bytes);
    const feeds = randomFeeds(model.graph, 4);
    expect((await run(model.graph, feeds)).get('y')!.shape).toEqual([4, 5]);
    const to = proto.initializer.find((t) => t.name === 'to')!;
    expect([...new BigInt64Array(to.rawData.slice().buffer)]).toEqual([1n, 64n]);
  });

  test('extents that the file leaves open are those of the data, and stay open in what is written', async () => {
    const bytes = onnxBytes({ ...PLAIN, inputs: { x: ['n', 3, 'h', 'w'] }, outputs: { y: ['n', 5] }, values: {} });
    const files = fileSetOf(new Map([['model.onnx', bytes]]));
    const assumed = await ONNX.read(files);
    expect(getSpec(assumed.graph, 'x').shape).toEqual(['N', 3, 224, 224]);
    expect(assumed.hasOpenExtents).toBe(true);
    expect(assumed.warnings.map((w) => w.code)).toEqual(['INPUT_SIZE_ASSUMED']);
    const model = await ONNX.read(files, { sampleShape: [10, 12, 3] });
    expect(getSpec(model.graph, 'x').shape).toEqual(['N', 3, 10, 12]);
    expect(model.warnings.map((w) => w.code)).toEqual(['INPUT_SIZE_FROM_DATA']);
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(model.graph);
    mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
    const written = (await model.write(mutator.exportSubnet().graph)).get('model.onnx')!;
    const feeds = randomFeeds((await readOnnxBytes(onnxBytes(PLAIN))).graph, 2);
    expect((await runBytes(written, feeds)).get('y')!.shape).toEqual([2, 5]);
  });

  test('where samples of a batch meet, the batch stays that of the file, and a warning says so', async () => {
    const { model } = await prune(
      onnxBytes({
        ...PLAIN,
        outputs: { y: [1, 5] },
        nodes: [
          ...PLAIN.nodes.slice(0, 5),
          ['Gemm', ['e', 'fc.weight', 'fc.bias'], ['f'], { transB: 1 }],
          ['Softmax', ['f'], ['y'], { axis: 0 }],
        ],
      }),
    );
    expect(getSpec(model.graph, 'x').shape[0]).toBe(1);
    expect(model.warnings.map((w) => w.code)).toEqual(['BATCH_FIXED']);
  });

  test('halves of the channels by computed bounds are cut where the kept channels say', async () => {
    const { mutator, proto } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 6, 6] },
        outputs: { y: [1, 2, 6, 6] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(2, 4, 1, 1),
          parts: ints(3, 5),
          w3: weights(4, 5, 1, 1),
          w4: weights(4, 3, 1, 1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Split', ['a', 'parts'], ['p', 'q'], { axis: 1 }],
          ['Conv', ['q', 'w3'], ['r']],
          ['Conv', ['p', 'w4'], ['s']],
          ['Add', ['r', 's'], ['t']],
          ['Conv', ['t', 'c2.weight'], ['y']],
        ],
        opset: 13,
      }),
    );
    expect(units(mutator)).toEqual(['c1_(0, 3)_3', 'c1_(3, 8)_5', 'r_(0, 4)_4']);
    const parts = proto.initializer.find((t) => t.name === 'parts')!;
    expect([...new BigInt64Array(parts.rawData.slice().buffer)]).toEqual([1n, 2n]);
  });

  test('shuffled channels, with the batch merged into an axis', async () => {
    const { mutator } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 4, 4] },
        outputs: { y: [1, 2, 4, 4] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(2, 4, 1, 1),
          one: ints(4, 2, 16),
          two: ints(2, -1, 4, 4, 4),
          at: tensor('int64', [], [1]),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Reshape', ['a', 'one'], ['b']],
          ['Transpose', ['b'], ['c'], { perm: [1, 0, 2] }],
          ['Reshape', ['c', 'two'], ['d']],
          ['Gather', ['d', 'at'], ['e'], { axis: 0 }],
          ['Conv', ['e', 'c2.weight'], ['y']],
        ],
        values: { b: [4, 2, 16] },
      }),
    );
    expect(units(mutator).length).toBe(1);
  });

  test('a learned token beside the features of each sample', async () => {
    const { model } = await prune(
      onnxBytes({
        inputs: { x: [1, 4, 6] },
        outputs: { y: [1, 5, 3] },
        weights: { token: weights(1, 1, 8), 'in.weight': weights(6, 8), 'out.weight': weights(8, 3) },
        nodes: [
          ['MatMul', ['x', 'in.weight'], ['a']],
          ['Concat', ['token', 'a'], ['b'], { axis: 1 }],
          ['MatMul', ['b', 'out.weight'], ['y']],
        ],
      }),
    );
    expect(getSpec(model.graph, 'x').shape[0]).toBe('N');
  });
});

describe('what exporters make of modules', () => {
  const scalarInt = (value: number) => tensor('int64', [], [value]);
  const one = (value: number) => tensor('float32', [], [value]);

  test('squeeze and excite through dense layers, whose shapes are computed', async () => {
    const { mutator } = await prune(
      onnxBytes({
        inputs: { x: ['b', 3, 6, 6] },
        outputs: { y: ['b', 2, 6, 6] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(2, 8, 1, 1),
          'fc1.weight': weights(4, 8),
          'fc2.weight': weights(8, 4),
          zero: scalarInt(0),
          first: scalarInt(1),
          ax: ints(0),
          one: ints(1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Shape', ['a'], ['s']],
          ['Gather', ['s', 'zero'], ['b0']],
          ['Gather', ['s', 'first'], ['c0']],
          ['GlobalAveragePool', ['a'], ['p']],
          ['Unsqueeze', ['b0', 'ax'], ['b1']],
          ['Unsqueeze', ['c0', 'ax'], ['c1']],
          ['Concat', ['b1', 'c1'], ['v'], { axis: 0 }],
          ['Reshape', ['p', 'v'], ['q']],
          ['Gemm', ['q', 'fc1.weight'], ['f'], { transB: 1 }],
          ['Relu', ['f'], ['g']],
          ['Gemm', ['g', 'fc2.weight'], ['h'], { transB: 1 }],
          ['Sigmoid', ['h'], ['i']],
          ['Concat', ['b1', 'c1', 'one', 'one'], ['w'], { axis: 0 }],
          ['Reshape', ['i', 'w'], ['j']],
          ['Mul', ['a', 'j'], ['k']],
          ['Conv', ['k', 'c2.weight'], ['y']],
        ],
      }),
      { batch: 2 },
    );
    expect(units(mutator)).toEqual(['c1_(0, 8)_8', 'fc1_(0, 4)_4']);
  });

  test('a layer norm spelled out, and the dense block behind it with its Gelu', async () => {
    const { mutator } = await prune(
      onnxBytes({
        inputs: { x: [1, 5, 6] },
        outputs: { y: [1, 5, 3] },
        weights: {
          'in.weight': weights(6, 8),
          gamma: weights(8),
          beta: weights(8),
          'fc1.weight': weights(8, 12),
          'fc1.bias': weights(12),
          'fc2.weight': weights(12, 8),
          'out.weight': weights(8, 3),
          two: one(2),
          eps: one(1e-5),
          root: one(Math.SQRT2),
          unit: one(1),
          half: one(0.5),
        },
        opset: 13,
        nodes: [
          ['MatMul', ['x', 'in.weight'], ['a']],
          ['ReduceMean', ['a'], ['m'], { axes: [-1] }],
          ['Sub', ['a', 'm'], ['d']],
          ['Pow', ['d', 'two'], ['d2']],
          ['ReduceMean', ['d2'], ['v'], { axes: [-1] }],
          ['Add', ['v', 'eps'], ['ve']],
          ['Sqrt', ['ve'], ['sd']],
          ['Div', ['d', 'sd'], ['n']],
          ['Mul', ['n', 'gamma'], ['ng']],
          ['Add', ['ng', 'beta'], ['ln']],
          ['MatMul', ['ln', 'fc1.weight'], ['f0']],
          ['Add', ['fc1.bias', 'f0'], ['f']],
          ['Div', ['f', 'root'], ['e0']],
          ['Erf', ['e0'], ['e1']],
          ['Add', ['e1', 'unit'], ['e2']],
          ['Mul', ['f', 'e2'], ['e3']],
          ['Mul', ['e3', 'half'], ['g']],
          ['MatMul', ['g', 'fc2.weight'], ['h']],
          ['Add', ['a', 'h'], ['r']],
          ['MatMul', ['r', 'out.weight'], ['y']],
        ],
      }),
    );
    expect(units(mutator)).toEqual(['in_(0, 8)_8', 'fc1_(0, 12)_12']);
  });

  test('attention of several heads over tokens runs, and its dense block is pruned', async () => {
    const { mutator } = await prune(
      onnxBytes({
        inputs: { x: [1, 5, 8] },
        outputs: { y: [1, 5, 8] },
        weights: {
          'qkv.weight': weights(8, 24),
          'proj.weight': weights(8, 8),
          'fc1.weight': weights(8, 12),
          'fc2.weight': weights(12, 8),
          to: ints(1, 5, 3, 2, 4),
          back: ints(1, 5, 8),
          scale: one(0.5),
          q: scalarInt(0),
          k: scalarInt(1),
          v: scalarInt(2),
        },
        nodes: [
          ['MatMul', ['x', 'qkv.weight'], ['a']],
          ['Reshape', ['a', 'to'], ['b']],
          ['Transpose', ['b'], ['c'], { perm: [2, 0, 3, 1, 4] }],
          ['Gather', ['c', 'q'], ['qq'], { axis: 0 }],
          ['Gather', ['c', 'k'], ['kk'], { axis: 0 }],
          ['Gather', ['c', 'v'], ['vv'], { axis: 0 }],
          ['Transpose', ['kk'], ['kt'], { perm: [0, 1, 3, 2] }],
          ['MatMul', ['qq', 'kt'], ['s0']],
          ['Mul', ['s0', 'scale'], ['s1']],
          ['Softmax', ['s1'], ['s2'], { axis: -1 }],
          ['MatMul', ['s2', 'vv'], ['o']],
          ['Transpose', ['o'], ['ot'], { perm: [0, 2, 1, 3] }],
          ['Reshape', ['ot', 'back'], ['or']],
          ['MatMul', ['or', 'proj.weight'], ['p']],
          ['Add', ['x', 'p'], ['r']],
          ['MatMul', ['r', 'fc1.weight'], ['f']],
          ['Relu', ['f'], ['g']],
          ['MatMul', ['g', 'fc2.weight'], ['h']],
          ['Add', ['r', 'h'], ['y']],
        ],
      }),
    );
    expect(units(mutator)).toContain('fc1_(0, 12)_12');
  });

  test('a group norm as an instance norm of reshaped groups', async () => {
    const { model } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 6, 6] },
        outputs: { y: [1, 2, 6, 6] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(2, 8, 1, 1),
          to: ints(0, 4, -1),
          back: ints(1, 8, 6, 6),
          ones: tensor('float32', [4], [1, 1, 1, 1]),
          zeros: tensor('float32', [4], [0, 0, 0, 0]),
          'gn.weight': weights(8, 1, 1),
          'gn.bias': weights(8, 1, 1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Reshape', ['a', 'to'], ['b']],
          ['InstanceNormalization', ['b', 'ones', 'zeros'], ['c'], { epsilon: { float: 1e-5 } }],
          ['Reshape', ['c', 'back'], ['d']],
          ['Mul', ['d', 'gn.weight'], ['e']],
          ['Add', ['e', 'gn.bias'], ['f']],
          ['Conv', ['f', 'c2.weight'], ['y']],
        ],
      }),
    );
    expect(getSpec(model.graph, 'x').shape[0]).toBe('N');
  });

  test('an upsampling decoder: transposed convolution, resize by sizes, pixel shuffle, concatenation', async () => {
    const { mutator, proto } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 4, 4] },
        outputs: { y: [1, 2, 8, 8] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'up.weight': weights(8, 6, 2, 2),
          'c2.weight': weights(16, 8, 1, 1),
          'c3.weight': weights(2, 18, 1, 1),
          sizes: ints(1, 8, 8, 8),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['ConvTranspose', ['a', 'up.weight'], ['b'], { strides: [2, 2] }],
          [
            'Resize',
            ['a', '', '', 'sizes'],
            ['c'],
            { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' },
          ],
          ['Conv', ['a', 'c2.weight'], ['d']],
          ['DepthToSpace', ['d'], ['e'], { blocksize: 2, mode: 'CRD' }],
          ['Concat', ['b', 'c', 'e'], ['f'], { axis: 1 }],
          ['Conv', ['f', 'c3.weight'], ['y']],
        ],
      }),
    );
    expect(units(mutator).length).toBeGreaterThanOrEqual(3);
    const sizes = proto.initializer.find((t) => t.name === 'sizes')!;
    expect([...new BigInt64Array(sizes.rawData.slice().buffer)]).toEqual([1n, 4n, 8n, 8n]);
  });
});

describe('modes and operators', () => {
  test('a model exported for training is read as in evaluation', async () => {
    const bn = { 'bn.weight': positive(8), 'bn.bias': weights(8), 'bn.mean': weights(8), 'bn.var': positive(8) };
    const { model, mutator } = await prune(
      onnxBytes({
        ...PLAIN,
        weights: { ...PLAIN.weights, ...bn, ratio: tensor('float32', [], [0.5]), mode: tensor('bool', [], [1]) },
        nodes: [
          PLAIN.nodes[0],
          ['BatchNormalization', ['a', ...Object.keys(bn)], ['n', 'm1', 'v1'], { training_mode: 1 }],
          ['Dropout', ['n', 'ratio', 'mode'], ['b', 'mask']],
          ...PLAIN.nodes.slice(2),
        ],
      }),
      { fileRuns: false },
    );
    expect(model.warnings.map((w) => w.code)).toContain('TRAIN_MODE_EXPORT');
    expect(units(mutator)).toEqual(['c1_(0, 8)_8', 'c2_(0, 6)_6']);
  });

  test('an operator that is not known runs as it stands, and what it touches stays', async () => {
    const { model, mutator } = await prune(
      onnxBytes({ ...PLAIN, nodes: [PLAIN.nodes[0], ['Sin', ['a'], ['b']], ...PLAIN.nodes.slice(2)] }),
    );
    expect(model.graph.nodes.map((node) => node.op)).toContain('Opaque');
    expect(units(mutator)).toEqual(['c2_(0, 6)_6']);
    expect(mutator.unprunable).toContainEqual(expect.objectContaining({ layer: 'c1', code: 'OPAQUE_OP' }));
    expect(mutator.unprunable.find((u) => u.layer === 'c1')!.reason).toMatch(/^Sin b/);
  });

  test('an operator of unknown shape is refused by name', async () => {
    const sketch = {
      ...PLAIN,
      nodes: [PLAIN.nodes[0], ['my.domain::Magic', ['a'], ['b']] as const, ...PLAIN.nodes.slice(2)],
    };
    await expect(readOnnxBytes(onnxBytes({ ...sketch, domains: { 'my.domain': 1 } }))).rejects.toMatchObject({
      code: 'LAYER_UNSUPPORTED',
      message: expect.stringMatching(/layer b \(Magic\)/),
    });
  });

  test('no gradient flows through an operator that is not known', async () => {
    const { graph } = await readOnnxBytes(
      onnxBytes({ ...PLAIN, nodes: [PLAIN.nodes[0], ['Sin', ['a'], ['b']], ...PLAIN.nodes.slice(2)] }),
    );
    const options = {
      loss: 'cross_entropy',
      labels: 'index',
      optimizer: { type: 'sgd', momentum: 0, weightDecay: 0 },
    } as const;
    expect(faultOf(() => createTrainingStep(graph, options))).toMatchObject({
      code: 'NOT_TRAINABLE',
      message: expect.stringMatching(/Sin/),
    });
  });

  test('versions of the operators that are not read are refused', async () => {
    await expect(readOnnxBytes(onnxBytes({ ...PLAIN, opset: 5 }))).rejects.toMatchObject({ code: 'LAYER_UNSUPPORTED' });
    await expect(readOnnxBytes(onnxBytes({ ...PLAIN, opset: 99 }))).rejects.toMatchObject({
      code: 'LAYER_UNSUPPORTED',
    });
  });
});
