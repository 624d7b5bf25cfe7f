/** Weights of every type and in every place: pruned to half, written, read again, run by onnxruntime. */
import { clearField } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { fileSetOf } from '../../../src/formats/index.js';
import { ONNX } from '../../../src/formats/onnx/index.js';
import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  decodeModel,
  encodeModel,
  encodeTensor,
  TensorProtoSchema,
} from '../../../src/onnx-proto/index.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { type ModelSketch, onnxBytes, onnxModel } from './onnx-models.js';
import { ints, PLAIN, positive, shapes, units, weights } from './plain-net.js';
import { expectSame, prune, randomFeeds, run } from './prune-file.js';

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
