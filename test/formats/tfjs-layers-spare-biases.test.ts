/** Layers without a bias are given one, as if their author had. */
import { beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/data/random.js';
import type { Graph } from '../../src/graph/graph.js';
import { withoutSpares } from '../../src/graph/passes/spare-biases.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { ChannelMutator } from '../../src/pruning/mutators/index.js';
import { randomSpares } from '../support/random-spares.js';
import { loadStock, modelFiles, randomizeWeights, tf, useCpu } from '../support/tfjs.js';
import { toKeras1, toKeras3 } from './dialects.js';
import { relativeError, runGraph, runStock } from './run-graph.js';
import { jsonOf, readFiles, withJson } from './tampering.js';

beforeAll(useCpu);

const L = tf.layers;
const random = seededRandom(5);
const bare = { useBias: false } as const;

/** Of each kind of layer that may have a bias one that has none. */
function everyKind(): tf.LayersModel {
  return tf.sequential({
    layers: [
      L.conv2d({ ...bare, inputShape: [8, 8, 2], filters: 6, kernelSize: 3, activation: 'relu', name: 'conv' }),
      L.depthwiseConv2d({ ...bare, kernelSize: 3, name: 'deep' }),
      L.separableConv2d({ ...bare, filters: 6, kernelSize: 2, activation: 'relu', name: 'apart' }),
      L.conv2dTranspose({ ...bare, filters: 4, kernelSize: 2, name: 'wide' }),
      L.reshape({ targetShape: [16, 4] }),
      L.conv1d({ ...bare, filters: 6, kernelSize: 3, activation: 'relu', name: 'line' }),
      L.dense({ ...bare, units: 5, activation: 'relu', name: 'rows' }),
      L.flatten(),
      L.dense({ ...bare, units: 6, activation: 'relu', name: 'hidden' }),
      L.dense({ ...bare, units: 3, name: 'scores' }),
    ],
  });
}

/** What the dialect of Keras 1 has names for. */
function oldKinds(): tf.LayersModel {
  return tf.sequential({
    layers: [
      L.conv2d({ ...bare, inputShape: [8, 8, 2], filters: 6, kernelSize: 3, activation: 'relu', name: 'conv' }),
      L.flatten(),
      L.dense({ ...bare, units: 3, name: 'scores' }),
    ],
  });
}

type Files = Map<string, Uint8Array>;

async function filesOf(model: tf.LayersModel): Promise<Files> {
  randomizeWeights(model, seededRandom(3));
  return modelFiles(model);
}

function inputsOf({ inputs }: tf.LayersModel): Tensor[] {
  return inputs.map(({ shape }) => {
    const dims = [2, ...(shape.slice(1) as number[])];
    const size = dims.reduce((n, d) => n * d, 1);
    return tensor(
      'float32',
      dims,
      Float32Array.from({ length: size }, () => random() - 0.5),
    );
  });
}

/** Halves every unit and sets the spare biases. @returns the written files, and the graph that they are to compute */
async function pruned(files: Files): Promise<{ written: Files; masked: Graph; spares: string[] }> {
  const model = await readFiles(files, { spareBiases: true });
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(model.graph);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  const spares = randomSpares(model.graph, random);
  mutator.setWeights(spares);
  const written = await model.write(mutator.exportSubnet().graph);
  return { written, masked: mutator.maskedGraph(), spares: [...spares.keys()] };
}

test('in the graph each has a bias of zeros; a file that is given none is what it was', async () => {
  const files = await filesOf(everyKind());
  const [plain, spared] = [await readFiles(files), await readFiles(files, { spareBiases: true })];
  const inputs = inputsOf(everyKind());
  expect(relativeError(runGraph(spared.graph, inputs), runGraph(plain.graph, inputs))).toBe(0);
  const written = await spared.write(withoutSpares(spared.graph));
  expect([...written.keys()]).toEqual([...files.keys()]);
  for (const [name, bytes] of await plain.write(plain.graph)) expect(written.get(name)).toEqual(bytes);
});

test('stock TensorFlow.js loads the biases, and computes with them', async () => {
  const model = everyKind();
  const { written, masked, spares } = await pruned(await filesOf(model));
  expect(spares).toEqual(
    ['conv', 'deep', 'apart', 'wide', 'line', 'rows', 'hidden', 'scores'].map((name) => `${name}/bias`),
  );
  const inputs = inputsOf(model);
  const stock = await loadStock(written);
  expect(relativeError(runStock(stock, inputs), runGraph(masked, inputs))).toBeLessThan(1e-5);
  const names = jsonOf(written).weightsManifest[0].weights.map(({ name }: { name: string }) => name);
  expect(names.slice(0, 2)).toEqual(['conv/kernel', 'conv/bias']);
});

test('a layer that is called twice has one', async () => {
  const inputs = ['left', 'right'].map((name) => tf.input({ shape: [6, 6, 2], name }));
  const tower = L.conv2d({ ...bare, filters: 6, kernelSize: 3, activation: 'relu', name: 'tower' });
  const sum = L.add().apply(inputs.map((input) => tower.apply(input) as tf.SymbolicTensor)) as tf.SymbolicTensor;
  const scores = L.dense({ ...bare, units: 3, name: 'scores' }).apply(L.flatten().apply(sum)) as tf.SymbolicTensor;
  const model = tf.model({ inputs, outputs: scores });
  const { written, masked, spares } = await pruned(await filesOf(model));
  expect(spares).toEqual(['tower/bias', 'scores/bias']);
  const fed = inputsOf(model);
  expect(relativeError(runStock(await loadStock(written), fed), runGraph(masked, fed))).toBeLessThan(1e-5);
});

describe('in the words of other versions', () => {
  test.each([
    ['Keras 3', everyKind, toKeras3],
    ['Keras 1', oldKinds, toKeras1],
  ])('%s', async (_name, build, dialect) => {
    const model = build();
    const { written, masked, spares } = await pruned(await dialect(await filesOf(model)));
    expect(spares.length).toBeGreaterThan(1);
    const inputs = inputsOf(model);
    const again = await readFiles(written, { spareBiases: true });
    expect([...again.graph.constants.values()].filter(({ role }) => role === 'spare')).toEqual([]);
    expect(relativeError(runGraph(again.graph, inputs), runGraph(masked, inputs))).toBeLessThan(1e-6);
  });

  /** Weights by other names, which the reader finds as well. */
  const renamed = (files: Files, name: (name: string) => string): Files => {
    const json = jsonOf(files);
    for (const weight of json.weightsManifest[0].weights) weight.name = name(weight.name);
    return withJson(files, json);
  };

  test.each<[string, (name: string) => string]>([
    ['with the number of an output', (name) => `${name}:0`],
    ['without the layer before them', (name) => name.split('/').at(-1)!],
    ['with a scope before them', (name) => `model/${name}`],
  ])('names of Keras 1 %s', async (_name, name) => {
    const model = tf.sequential({
      layers: [
        L.conv2d({ ...bare, inputShape: [8, 8, 2], filters: 6, kernelSize: 3, name: 'conv_1' }),
        L.separableConv2d({ ...bare, filters: 6, kernelSize: 2, name: 'apart_1' }),
        L.flatten(),
        L.dense({ ...bare, units: 3, name: 'scores_12' }),
      ],
    });
    const { written, masked, spares } = await pruned(renamed(await toKeras1(await filesOf(model)), name));
    expect(spares).toHaveLength(3);
    const inputs = inputsOf(model);
    const again = await readFiles(written);
    expect(relativeError(runGraph(again.graph, inputs), runGraph(masked, inputs))).toBeLessThan(1e-6);
  });

  test.each([
    ['numbered', (name: string) => name.replace('kernel', '0')],
    ['numbered, with the number of an output', (name: string) => name.replace('kernel', '0:0')],
    ['with the number of an output', (name: string) => `${name}:0`],
  ])('weights that are %s', async (_name, name) => {
    const { written, masked, spares } = await pruned(renamed(await filesOf(oldKinds()), name));
    expect(spares).toHaveLength(2);
    const inputs = inputsOf(oldKinds());
    const again = await readFiles(written);
    expect(relativeError(runGraph(again.graph, inputs), runGraph(masked, inputs))).toBeLessThan(1e-6);
  });

  test('Keras 1 names it as it names others', async () => {
    const { written } = await pruned(await toKeras1(await filesOf(oldKinds())));
    const names = jsonOf(written).weightsManifest[0].weights.map(({ name }: { name: string }) => name);
    expect(names.map((name: string) => name.split('/').at(-1))).toEqual(['conv_W', 'conv_b', 'scores_W', 'scores_b']);
  });
});

test('what a file has of that name for no layer makes room', async () => {
  const files = await filesOf(oldKinds());
  const json = jsonOf(files);
  json.weightsManifest.push({ paths: ['more.bin'], weights: [{ name: 'conv/bias', shape: [2], dtype: 'float32' }] });
  const { written, masked } = await pruned(withJson(new Map([...files, ['more.bin', new Uint8Array(8)]]), json));
  const inputs = inputsOf(oldKinds());
  expect(relativeError(runStock(await loadStock(written), inputs), runGraph(masked, inputs))).toBeLessThan(1e-5);
});
