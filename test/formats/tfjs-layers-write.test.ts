/** What the writer keeps of the user's files, and what it changes. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fileSetOf, openFileSet, writeZip } from '../../src/archive/index.js';
import { seededRandom } from '../../src/data/random.js';
import { detectFormat } from '../../src/formats/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { selectOutputs } from '../../src/graph/passes/select-outputs.js';
import { tensor } from '../../src/graph/tensor.js';
import { float32ToFloat16 } from '../../src/onnx-proto/half.js';
import { ChannelMutator } from '../../src/pruning/mutators/index.js';
import { loadStock, modelFiles, randomizeWeights, tf, useCpu } from '../support/tfjs.js';
import { relativeError, runGraph, runStock } from './run-graph.js';
import { type AnyJson, jsonOf, layerNamed, plainFiles, readFiles, tampered, withJson } from './tampering.js';

beforeAll(useCpu);

const random = seededRandom(2);
const L = tf.layers;
const image = tensor(
  'float32',
  [1, 6, 6, 2],
  Float32Array.from({ length: 72 }, () => random()),
);

function halve(graph: Graph): { pruned: Graph; masked: Graph } {
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(graph);
  expect(mutator.mutableUnits.length).toBeGreaterThan(0);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  return { pruned: mutator.exportSubnet().graph, masked: mutator.maskedGraph() };
}

/** The graph with every weight off the values that a quantized file can hold. */
function scaled(graph: Graph, factor: number): Graph {
  const constants = new Map(graph.constants);
  for (const [id, constant] of constants) {
    const data = (constant.tensor.data as Float32Array).map((v) => v * factor);
    constants.set(id, { ...constant, tensor: tensor('float32', constant.tensor.shape, data) });
  }
  return { ...graph, constants };
}

describe('the JSON', () => {
  test('changes only in counts and shapes; everything else stays', async () => {
    const files = await tampered((json) => {
      json.userDefinedMetadata = { labels: ['a', 'b', 'c'], deep: { filters: 4 } };
      json._comment = 'mine';
      layerNamed(json, 'conv').config.note = 4;
    });
    const model = await readFiles(files);
    const written = jsonOf(await model.write(halve(model.graph).pruned));
    const expected = jsonOf(files);
    layerNamed(expected, 'conv').config.filters = 2;
    for (const weight of expected.weightsManifest[0].weights) {
      if (weight.name === 'conv/kernel') weight.shape = [3, 3, 2, 2];
      else if (weight.name === 'dense/kernel') weight.shape = [32, 3];
      else if (!weight.name.startsWith('dense')) weight.shape = [2];
    }
    expect(written).toEqual(expected);
  });

  test('is read as Keras wraps it, and with batch_shape', async () => {
    const files = await tampered((json) => {
      const { config } = layerNamed(json, 'input');
      config.batch_shape = config.batch_input_shape;
      delete config.batch_input_shape;
      json.modelTopology = { keras_version: '2.4.0', backend: 'tensorflow', model_config: json.modelTopology };
    });
    const model = await readFiles(files);
    expect(model.name).toBe('plain');
    expect(jsonOf(await model.write(model.graph))).toEqual(jsonOf(files));
  });
});

describe('files', () => {
  test('under one top folder of a zip stay there, with those that are no part of the model', async () => {
    const files = new Map<string, Uint8Array>();
    for (const [name, bytes] of await plainFiles()) files.set(`my model/${name}`, bytes);
    files.set('my model/metadata.json', new TextEncoder().encode('{"labels": []}'));
    files.set('__MACOSX/my model/._model.json', new Uint8Array(3));
    const path = join(mkdtempSync(join(tmpdir(), 'espalier-write-')), 'model.zip');
    await writeZip(files, path);
    const set = await openFileSet(path);
    const model = await (await detectFormat(set)).read(set);
    const written = await model.write(model.graph);
    expect([...written.keys()]).toEqual(['my model/model.json', 'my model/weights.bin', 'my model/metadata.json']);
    expect(Buffer.from(written.get('my model/metadata.json')!).toString()).toBe('{"labels": []}');
    await set.close();
  });

  test('of two models are ambiguous, those of a graph model unknown', async () => {
    const files = await plainFiles();
    const two = new Map([...files, ['other.json', files.get('model.json')!]]);
    await expect(readFiles(two)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('other.json'),
    });
    const graphModel = new Map([
      ['model.json', new TextEncoder().encode('{"modelTopology": {"node": []}, "weightsManifest": []}')],
    ]);
    await expect(detectFormat(fileSetOf(graphModel))).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' });
  });

  test.each([
    ['a file that is no zip', ['model.zip'], false, 'model.zip is no zip file'],
    ['a zip without a model', ['readme.md'], true, 'the zip holds no model: found readme.md'],
    ['an empty zip', [], true, 'the zip holds no model: found no file'],
    ['several files', ['a', 'b', 'c', 'd', 'e', 'f', 'g'], false, 'found a, b, c, d, e and 2 more'],
  ])('of none are unknown: %s', async (_name, names, isArchive, message) => {
    const files = { ...fileSetOf(new Map(names.map((name) => [name, new Uint8Array(1)]))), isArchive };
    await expect(detectFormat(files)).rejects.toMatchObject({
      code: 'FORMAT_UNKNOWN',
      message: expect.stringContaining(message),
    });
  });

  test('of several groups and shards keep their names; shards shrink in proportion', async () => {
    const files = await plainFiles();
    const json = jsonOf(files);
    const [{ weights }] = json.weightsManifest;
    const bytes = files.get('weights.bin')!;
    const sizeOf = (w: AnyJson) => 4 * w.shape.reduce((n: number, d: number) => n * d, 1);
    const first = weights.slice(0, 2).reduce((n: number, w: AnyJson) => n + sizeOf(w), 0);
    json.weightsManifest = [
      { paths: ['group1-shard1of3', 'group1-shard2of3', 'group1-shard3of3'], weights: weights.slice(0, 2) },
      { paths: ['group2-shard1of1'], weights: weights.slice(2) },
    ];
    const sharded = withJson(files, json);
    sharded.delete('weights.bin');
    [0, 101, 202, first].slice(0, 3).forEach((start, i, starts) => {
      sharded.set(`group1-shard${i + 1}of3`, bytes.slice(start, starts[i + 1] ?? first));
    });
    sharded.set('group2-shard1of1', bytes.slice(first));
    const model = await readFiles(sharded);
    const same = await model.write(model.graph);
    for (const [name, original] of sharded)
      if (name !== 'model.json') expect(same.get(name)).toEqual(Buffer.from(original));
    const { pruned, masked } = halve(model.graph);
    const written = await model.write(pruned);
    expect([...written.keys()].sort()).toEqual([...sharded.keys()].sort());
    const stock = await loadStock(written);
    expect(relativeError(runStock(stock, [image]), runGraph(masked, [image]))).toBeLessThan(1e-5);
  });

  test('lose the optimizer slots, with a warning', async () => {
    const files = await plainFiles();
    const json = jsonOf(files);
    json.weightsManifest[0].weights.push({
      name: 'conv/kernel/momentum',
      shape: [3, 3, 2, 4],
      dtype: 'float32',
      group: 'optimizer',
    });
    json.weightsManifest[0].weights.push({ name: 'iter', shape: [], dtype: 'int32', group: 'optimizer' });
    const trained = withJson(files, json);
    trained.set('weights.bin', Buffer.concat([files.get('weights.bin')!, Buffer.alloc(72 * 4 + 4)]));
    const model = await readFiles(trained);
    expect(model.warnings.map((w) => w.code)).toEqual(['OPTIMIZER_STATE_DROPPED']);
    const written = await model.write(model.graph);
    expect(jsonOf(written)).toEqual(jsonOf(files));
    expect(Buffer.compare(written.get('weights.bin')!, files.get('weights.bin')!)).toBe(0);
  });

  test('keep weights that no layer uses, with a warning', async () => {
    const files = await plainFiles();
    const json = jsonOf(files);
    json.weightsManifest.push({
      paths: ['extra.bin'],
      weights: [{ name: 'ghost/kernel', shape: [2], dtype: 'int32' }],
    });
    const extra = withJson(files, json).set('extra.bin', new Uint8Array(8).fill(3));
    const model = await readFiles(extra);
    expect(model.warnings).toEqual([{ code: 'WEIGHTS_UNUSED', message: expect.stringContaining('ghost/kernel') }]);
    expect((await model.write(model.graph)).get('extra.bin')).toEqual(Buffer.alloc(8, 3));
  });
});

describe('weights', () => {
  test.each(['conv/conv/kernel', 'outer/conv/kernel', 'conv/kernel:0'])('are found by the name %s', async (name) => {
    const files = await tampered((json) => {
      json.weightsManifest[0].weights[0].name = name;
    });
    const model = await readFiles(files);
    expect(model.graph.constants.get(name)).toMatchObject({ role: 'parameter', source: name });
    expect(jsonOf(await model.write(halve(model.graph).pruned)).weightsManifest[0].weights[0]).toMatchObject({
      name,
      shape: [3, 3, 2, 2],
    });
  });

  const QUANTIZED: readonly (readonly [string, (values: Float32Array) => [AnyJson, ArrayBufferView], number])[] = [
    ['float16', (values) => [{ dtype: 'float16', original_dtype: 'float32' }, float32ToFloat16(values)], 2e-3],
    [
      'uint16',
      (values) => [
        { dtype: 'uint16', min: -2, scale: 4 / 65535 },
        Uint16Array.from(values, (v) => ((v + 2) * 65535) / 4),
      ],
      1e-3,
    ],
    [
      'uint8',
      (values) => [{ dtype: 'uint8', min: -2, scale: 4 / 255 }, Uint8Array.from(values, (v) => ((v + 2) * 255) / 4)],
      5e-2,
    ],
  ];
  test.each(QUANTIZED)(
    'quantized to %s are read, written back as they were, sliced without loss, and re-encoded when they change',
    async (dtype, quantize, tolerance) => {
      const files = await plainFiles();
      const json = jsonOf(files);
      const bytes = files.get('weights.bin')!;
      const parts: Uint8Array[] = [];
      let offset = bytes.byteOffset;
      for (const weight of json.weightsManifest[0].weights) {
        const count = weight.shape.reduce((n: number, d: number) => n * d, 1);
        const values = new Float32Array(bytes.buffer.slice(offset, offset + 4 * count) as ArrayBuffer);
        offset += 4 * count;
        const [quantization, codes] = quantize(values);
        weight.quantization = quantization;
        parts.push(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength));
      }
      const quantized = withJson(files, json).set('weights.bin', new Uint8Array(Buffer.concat(parts)));
      const model = await readFiles(quantized);
      expect(relativeError(runStock(await loadStock(quantized), [image]), runGraph(model.graph, [image]))).toBeLessThan(
        1e-5,
      );
      const same = await model.write(model.graph);
      expect(Buffer.compare(same.get('weights.bin')!, quantized.get('weights.bin')!)).toBe(0);
      expect(jsonOf(same)).toEqual(json);

      const written = async ({ pruned, masked }: ReturnType<typeof halve>, dequantized = false) => {
        const out = await model.write(pruned, { dequantized });
        const error = relativeError(runStock(await loadStock(out), [image]), runGraph(masked, [image]));
        return { quantization: jsonOf(out).weightsManifest[0].weights[0].quantization, error };
      };
      const sliced = await written(halve(model.graph));
      expect(sliced.quantization).toEqual(json.weightsManifest[0].weights[0].quantization);
      expect(sliced.error).toBeLessThan(1e-5);
      const trained = halve(scaled(model.graph, 1.37));
      const encoded = await written(trained);
      expect(encoded.quantization.dtype).toBe(dtype);
      expect(encoded.error).toBeGreaterThan(1e-6);
      expect(encoded.error).toBeLessThan(tolerance);
      expect((await written(trained, true)).error).toBeLessThan(1e-6);
      expect((await written(trained, true)).quantization).toBeUndefined();
    },
  );
});

test('open spatial extents are taken as 224, with a warning, and stay open in the file', async () => {
  const input = tf.input({ shape: [null, null, 2], name: 'any' });
  const conv = L.conv2d({ filters: 4, kernelSize: 3, strides: 4, padding: 'same' }).apply(input) as tf.SymbolicTensor;
  const pooled = L.globalAveragePooling2d({}).apply(conv) as tf.SymbolicTensor;
  const stock = tf.model({ inputs: input, outputs: L.dense({ units: 2 }).apply(pooled) as tf.SymbolicTensor });
  const model = await readFiles(await modelFiles(stock));
  expect(model.warnings).toEqual([{ code: 'INPUT_SIZE_ASSUMED', message: expect.stringContaining('input any') }]);
  expect(model.graph.values.get('any')!.shape).toEqual(['N', 224, 224, 2]);
  const written = await model.write(halve(model.graph).pruned);
  expect(layerNamed(jsonOf(written), 'any').config.batch_input_shape).toEqual([null, null, null, 2]);
  expect((await loadStock(written)).countParams()).toBe(3 * 3 * 2 * 2 + 2 + 2 * 2 + 2);
});

describe('outputs', () => {
  /** Two inputs, a shared tower called on both, a nested model of two outputs, three outputs in all. */
  function branching(): tf.LayersModel {
    const inputs = ['left', 'right'].map((name) => tf.input({ shape: [6, 6, 2], name }));
    const tower = L.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', name: 'tower' });
    const [a, b] = inputs.map((t) => tower.apply(t) as tf.SymbolicTensor);
    const inner = tf.input({ shape: [4, 4, 4], name: 'inner' });
    const p = L.conv2d({ filters: 3, kernelSize: 1, name: 'p' }).apply(inner) as tf.SymbolicTensor;
    const q = L.conv2d({ filters: 5, kernelSize: 1, name: 'q' }).apply(inner) as tf.SymbolicTensor;
    const nested = tf.model({ inputs: inner, outputs: [p, q], name: 'nested' });
    const [, bq] = nested.apply(b) as tf.SymbolicTensor[];
    const flat = L.flatten({ name: 'flat' });
    const [x, y] = [flat.apply(a), flat.apply(bq)] as tf.SymbolicTensor[];
    const model = tf.model({
      inputs,
      outputs: [x, y, L.dense({ units: 2, name: 'head' }).apply(y) as tf.SymbolicTensor],
    });
    randomizeWeights(model, random);
    return model;
  }
  const feeds = [0, 1].map(() =>
    tensor(
      'float32',
      [1, 6, 6, 2],
      Float32Array.from({ length: 72 }, () => random()),
    ),
  );

  test('are named by layer, and by place where a layer has several', async () => {
    const model = await readFiles(await modelFiles(branching()));
    expect(model.graph.outputs.map((o) => o.name)).toEqual(['flat:0', 'flat:1', 'head']);
  });

  test.each([
    ['flat:0', [0], ['left', 'tower', 'flat'], false],
    ['flat:1', [1], ['right', 'tower', 'nested', 'flat'], true],
    ['head', [1], ['right', 'tower', 'nested', 'flat', 'head'], true],
  ])('%s alone is written with what it needs', async (name, fed, layers, prunable) => {
    const stock = branching();
    const model = await readFiles(await modelFiles(stock));
    const index = model.graph.outputs.findIndex((o) => o.name === name);
    const selected = selectOutputs(model.graph, [name]);
    const inputs = fed.map((i) => feeds[i]);
    const expected = [runStock(stock, feeds)[index]];
    expect(relativeError(runGraph(selected, inputs), expected)).toBeLessThan(1e-5);
    const written = await loadStock(await model.write(selected));
    expect(written.layers.map((l) => l.name)).toEqual(expect.arrayContaining(layers));
    expect(written.layers.length).toBe(layers.length);
    expect(relativeError(runStock(written, inputs), expected)).toBeLessThan(1e-5);
    if (!prunable) return;
    const { pruned, masked } = halve(selected);
    const narrow = await loadStock(await model.write(pruned));
    expect(relativeError(runStock(narrow, inputs), runGraph(masked, inputs))).toBeLessThan(1e-5);
  });

  test('stand in the order in which they were selected', async () => {
    const stock = branching();
    const model = await readFiles(await modelFiles(stock));
    const written = await loadStock(await model.write(selectOutputs(model.graph, ['head', 'flat:0'])));
    const [flat, , head] = runStock(stock, feeds);
    expect(relativeError(runStock(written, feeds), [head, flat])).toBeLessThan(1e-5);
  });
});
