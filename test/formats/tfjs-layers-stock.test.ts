/** Models of stock tfjs-layers: read, run, pruned, written, and loaded by stock TensorFlow.js again. */
import { beforeAll, describe, expect, test } from 'vitest';
import { fileSetOf } from '../../src/archive/index.js';
import { seededRandom } from '../../src/data/random.js';
import { detectFormat } from '../../src/formats/index.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { ChannelMutator } from '../../src/pruning/mutators/index.js';
import { loadStock, modelFiles, randomizeWeights, tf, useCpu } from '../support/tfjs.js';
import { relativeError, runGraph, runStock } from './run-graph.js';
import { STOCK_LAYERS } from './stock-layers.js';
import { STOCK_MODELS } from './stock-models.js';
import { jsonOf, withJson } from './tampering.js';

/** Stock TensorFlow.js computes in float32; the reference in float64. */
const TOLERANCE = 2e-5;

beforeAll(useCpu);

function randomInputs(model: tf.LayersModel, random: () => number): Tensor[] {
  return model.inputs.map(({ shape }) => {
    const dims = [2, ...(shape.slice(1) as number[])];
    const size = dims.reduce((n, d) => n * d, 1);
    return tensor(
      'float32',
      dims,
      Float32Array.from({ length: size }, () => random() * 2 - 1),
    );
  });
}

async function read(files: ReadonlyMap<string, Uint8Array>) {
  const set = fileSetOf(files);
  return (await detectFormat(set)).read(set);
}

describe.each(Object.entries({ ...STOCK_MODELS, ...STOCK_LAYERS }))('%s', (_name, build) => {
  const random = seededRandom(11);
  const stock = build();
  randomizeWeights(stock, random);
  const inputs = randomInputs(stock, random);

  test('computes what stock TensorFlow.js computes', async () => {
    const model = await read(await modelFiles(stock));
    verify(model.graph);
    expect(model.warnings).toEqual([]);
    expect(relativeError(runGraph(model.graph, inputs), runStock(stock, inputs))).toBeLessThan(TOLERANCE);
  });

  test('is written back as it was', async () => {
    const files = await modelFiles(stock);
    const written = await (await read(files)).write((await read(files)).graph);
    expect(Buffer.compare(written.get('weights.bin')!, files.get('weights.bin')!)).toBe(0);
    const json = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());
    expect(json(written.get('model.json')!)).toEqual(json(files.get('model.json')!));
  });

  test.each([1, 2, 3])(
    'pruned (seed %i), is written narrower, loads, and computes the masked network',
    async (seed) => {
      const choose = seededRandom(seed);
      const model = await read(await modelFiles(stock));
      const mutator = new ChannelMutator();
      mutator.prepareFromSupernet(model.graph);
      expect(mutator.mutableUnits.length + mutator.unprunable.length).toBeGreaterThan(0);
      mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.2 + 0.7 * choose()])));
      const written = await model.write(mutator.exportSubnet().graph);
      const pruned = await loadStock(written);
      if (mutator.mutableUnits.length > 0) expect(pruned.countParams()).toBeLessThan(stock.countParams());
      const masked = runGraph(mutator.maskedGraph(), inputs);
      expect(relativeError(runStock(pruned, inputs), masked)).toBeLessThan(TOLERANCE);
      const again = await read(written);
      expect(relativeError(runGraph(again.graph, inputs), masked)).toBeLessThan(TOLERANCE);
    },
  );
});

test.each([
  ['ReLU', { max_value: 0.3 }],
  ['LeakyReLU', { alpha: 0.4 }],
  ['ELU', {}],
  ['ThresholdedReLU', { theta: 0.1 }],
  ['Softmax', { axis: -1 }],
  ['Activation', { activation: 'tanh' }],
  ['Activation', { activation: { class_name: 'LeakyReLU', config: {} } }],
])('an activation that is a layer: %s %j', async (class_name, config) => {
  const random = seededRandom(8);
  const layers = [
    tf.layers.conv2d({ inputShape: [5, 4, 3], filters: 6, kernelSize: 3, activation: 'relu' }),
    tf.layers.globalMaxPooling2d({}),
    tf.layers.dense({ units: 4, activation: 'sigmoid' }),
  ];
  const stock = tf.sequential({ layers });
  randomizeWeights(stock, random);
  const files = await modelFiles(stock);
  const json = jsonOf(files);
  for (const i of [0, 2]) json.modelTopology.config.layers[i].config.activation = { class_name, config };
  const changed = withJson(files, json);
  const model = await read(changed);
  const inputs = randomInputs(stock, random);
  const other = await loadStock(changed);
  expect(relativeError(runGraph(model.graph, inputs), runStock(other, inputs))).toBeLessThan(TOLERANCE);
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(model.graph);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  const pruned = await loadStock(await model.write(mutator.exportSubnet().graph));
  expect(pruned.countParams()).toBeLessThan(stock.countParams());
  expect(relativeError(runStock(pruned, inputs), runGraph(mutator.maskedGraph(), inputs))).toBeLessThan(TOLERANCE);
});

test('a separable convolution as TensorFlow.js saves it, without its depth_multiplier, gets one', async () => {
  const random = seededRandom(9);
  const layers = [
    tf.layers.conv2d({ inputShape: [6, 6, 2], filters: 6, kernelSize: 1 }),
    tf.layers.separableConv2d({ filters: 5, kernelSize: 3, depthMultiplier: 2 }),
    tf.layers.conv2d({ filters: 3, kernelSize: 1 }),
  ];
  const stock = tf.sequential({ layers });
  randomizeWeights(stock, random);
  const files = await modelFiles(stock);
  await expect(loadStock(files)).rejects.toThrow(/[Ss]hape/);
  const model = await read(files);
  const inputs = randomInputs(stock, random);
  expect(relativeError(runGraph(model.graph, inputs), runStock(stock, inputs))).toBeLessThan(TOLERANCE);
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(model.graph);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  const pruned = await loadStock(await model.write(mutator.exportSubnet().graph));
  expect(relativeError(runStock(pruned, inputs), runGraph(mutator.maskedGraph(), inputs))).toBeLessThan(TOLERANCE);
});

test('rows of an embedding are looked up, and its width is pruned', async () => {
  const random = seededRandom(5);
  const input = tf.input({ shape: [6], dtype: 'int32' });
  const layers = [
    tf.layers.embedding({ inputDim: 9, outputDim: 8 }),
    tf.layers.conv1d({ filters: 6, kernelSize: 3, activation: 'relu' }),
    tf.layers.globalMaxPooling1d(),
    tf.layers.dense({ units: 3 }),
  ];
  const output = layers.reduce((t, layer) => layer.apply(t) as tf.SymbolicTensor, input as tf.SymbolicTensor);
  const stock = tf.model({ inputs: input, outputs: output });
  randomizeWeights(stock, random);
  const words = [tensor('float32', [2, 6], [0, 8, 3, 3, 1, 7, 5, 2, 4, 6, 8, 0])];
  const model = await read(await modelFiles(stock));
  expect(relativeError(runGraph(model.graph, words), runStock(stock, words))).toBeLessThan(TOLERANCE);
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(model.graph);
  expect(mutator.mutableUnits.map((unit) => unit.numChannels)).toEqual([8, 6]);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  const written = await model.write(mutator.exportSubnet().graph);
  const pruned = await loadStock(written);
  expect(pruned.layers[1].weights[0].shape).toEqual([9, 4]);
  expect(relativeError(runStock(pruned, words), runGraph(mutator.maskedGraph(), words))).toBeLessThan(TOLERANCE);
});
