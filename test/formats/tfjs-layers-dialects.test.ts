/** Files as Keras 1 and Keras 3 write them compute, and are pruned, as the same model in Keras 2's words. */
import { beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/data/random.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { ChannelMutator } from '../../src/pruning/mutators/index.js';
import { modelFiles, randomizeWeights, tf, useCpu } from '../support/tfjs.js';
import { toKeras1, toKeras3 } from './dialects.js';
import { relativeError, runGraph } from './run-graph.js';
import { STOCK_LAYERS } from './stock-layers.js';
import { STOCK_MODELS } from './stock-models.js';
import { jsonOf, readFiles } from './tampering.js';

beforeAll(useCpu);

const L = tf.layers;
type Files = Map<string, Uint8Array>;

/** Prunes half of every unit; reads, prunes and writes always the same. */
async function pruned(files: Files): Promise<Files> {
  const model = await readFiles(files);
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(model.graph);
  expect(mutator.mutableUnits.length).toBeGreaterThan(0);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  return model.write(mutator.exportSubnet().graph);
}

async function filesOf(model: tf.LayersModel, seed: number): Promise<Files> {
  randomizeWeights(model, seededRandom(seed));
  return modelFiles(model);
}

function inputsOf(model: tf.LayersModel): Tensor[] {
  const random = seededRandom(4);
  return model.inputs.map(({ shape }) => {
    const dims = [2, ...(shape.slice(1) as number[])];
    return tensor(
      'float32',
      dims,
      Float32Array.from({ length: dims.reduce((n, d) => n * d, 1) }, () => random() - 0.5),
    );
  });
}

async function expectSame(files: Files, other: Files, inputs: readonly Tensor[]): Promise<void> {
  const [a, b] = [await readFiles(files), await readFiles(other)];
  expect(relativeError(runGraph(b.graph, inputs), runGraph(a.graph, inputs))).toBe(0);
}

function expectEqualFiles(got: Files, want: Files): void {
  expect(jsonOf(got)).toEqual(jsonOf(want));
  for (const [name, bytes] of want) {
    if (name !== 'model.json') expect(Buffer.compare(got.get(name)!, bytes), name).toBe(0);
  }
}

const KERAS_1: Readonly<Record<string, () => tf.LayersModel>> = {
  'a Sequential model': () =>
    tf.sequential({
      layers: [
        L.conv2d({ inputShape: [9, 8, 3], filters: 6, kernelSize: [3, 2], strides: 2, activation: 'relu' }),
        L.maxPooling2d({ poolSize: 2 }),
        L.batchNormalization(),
        L.dropout({ rate: 0.25 }),
        L.flatten(),
        L.dense({ units: 10, activation: 'sigmoid' }),
        L.dense({ units: 4, activation: 'softmax', useBias: false }),
      ],
    }),
  'merges of every mode': () => {
    const input = tf.input({ shape: [6, 5, 2] });
    const conv = () => L.conv2d({ filters: 6, kernelSize: 3, padding: 'same' }).apply(input) as tf.SymbolicTensor;
    const merged = [L.add(), L.multiply(), L.average()].map((layer) => layer.apply([conv(), conv()]));
    const joined = L.concatenate({ axis: 3 }).apply(merged as tf.SymbolicTensor[]);
    const head = L.globalAveragePooling2d({}).apply(joined) as tf.SymbolicTensor;
    return tf.model({ inputs: input, outputs: L.dense({ units: 2 }).apply(head) as tf.SymbolicTensor });
  },
  'the channels first': () =>
    tf.sequential({
      layers: [
        L.conv2d({ inputShape: [3, 8, 7], filters: 6, kernelSize: [3, 2], dataFormat: 'channelsFirst' }),
        L.maxPooling2d({ poolSize: 2, dataFormat: 'channelsFirst' }),
        L.conv2d({ filters: 4, kernelSize: 2, useBias: false, dataFormat: 'channelsFirst' }),
        L.globalAveragePooling2d({ dataFormat: 'channelsFirst' }),
      ],
    }),
  'transposed convolutions': () =>
    tf.sequential({
      layers: [
        L.conv2dTranspose({ inputShape: [5, 4, 3], filters: 6, kernelSize: [3, 2], strides: 2, padding: 'same' }),
        L.reLU(),
        L.conv2dTranspose({ filters: 5, kernelSize: 2, strides: [1, 3], useBias: false }),
        L.conv2d({ filters: 2, kernelSize: 1 }),
      ],
    }),
  'transposed convolutions with the channels first': () =>
    tf.sequential({
      layers: [
        L.conv2dTranspose({ inputShape: [3, 5, 4], filters: 6, kernelSize: 3, dataFormat: 'channelsFirst' }),
        L.conv2dTranspose({ filters: 5, kernelSize: [2, 3], strides: 2, dataFormat: 'channelsFirst' }),
        L.conv2d({ filters: 2, kernelSize: 1, dataFormat: 'channelsFirst' }),
      ],
    }),
  'one dimension': () =>
    tf.sequential({
      layers: [
        L.conv1d({ inputShape: [15, 3], filters: 6, kernelSize: 3, activation: 'relu' }),
        L.maxPooling1d({ poolSize: 2 }),
        L.conv1d({ filters: 5, kernelSize: 2, padding: 'same' }),
        L.flatten(),
        L.dense({ units: 3 }),
      ],
    }),
};

describe.each(Object.entries(KERAS_1))('as Keras 1 wrote %s', (_name, build) => {
  test('it is read', async () => {
    const model = build();
    const files = await filesOf(model, 1);
    await expectSame(files, toKeras1(files), inputsOf(model));
  });

  test('it is pruned, and keeps its names and layouts', async () => {
    const files = await filesOf(build(), 2);
    const old = toKeras1(files);
    expectEqualFiles(await (await readFiles(old)).write((await readFiles(old)).graph), old);
    expectEqualFiles(await pruned(old), toKeras1(await pruned(files)));
  });
});

const KERAS_3 = { ...STOCK_MODELS, ...STOCK_LAYERS };

const NOTHING_TO_PRUNE = ['a shared layer', 'channels first'];

describe.each(Object.entries(KERAS_3))('as Keras 3 writes %s', (_name, build) => {
  test('it is read', async () => {
    const model = build();
    const files = await filesOf(model, 1);
    await expectSame(files, await toKeras3(files), inputsOf(model));
  });
});

const PRUNABLE = Object.entries(KERAS_3).filter(([name]) => !NOTHING_TO_PRUNE.includes(name));

test.each(PRUNABLE)(
  'as Keras 3 writes %s, it is pruned, with every shape that the file repeats',
  async (_name, build) => {
    const files = await filesOf(build(), 2);
    expectEqualFiles(await pruned(await toKeras3(files)), await toKeras3(await pruned(files)));
  },
);

test('dozens of shards under ./, weights in another order and counted in place of named', async () => {
  const model = KERAS_1['a Sequential model']();
  const files = await filesOf(model, 3);
  const json = jsonOf(files);
  const [group] = json.weightsManifest;
  const bytes = files.get(group.paths[0])!;
  // Each weight in a group of its own, cut into shards of 40 bytes; the last one first.
  const other: Files = new Map();
  let offset = 0;
  const places = new Map<string, number>();
  json.weightsManifest = group.weights
    .map((weight: { name: string; shape: number[] }, i: number) => {
      const size = 4 * weight.shape.reduce((n, d) => n * d, 1);
      const [layer] = weight.name.split('/');
      const place = places.get(layer) ?? 0;
      places.set(layer, place + 1);
      const paths: string[] = [];
      for (let at = 0; at < size; at += 40) {
        paths.push(`./group${i}-shard${at / 40}.bin`);
        other.set(paths.at(-1)!.slice(2), bytes.slice(offset + at, offset + Math.min(size, at + 40)));
      }
      offset += size;
      return { paths, weights: [{ ...weight, name: `${layer}/${place}` }] };
    })
    .reverse();
  other.set('model.json', new Uint8Array(Buffer.from(JSON.stringify(json))));
  expect(other.size).toBeGreaterThan(36);
  await expectSame(files, other, inputsOf(model));
  expectEqualFiles(await (await readFiles(other)).write((await readFiles(other)).graph), other);
});
