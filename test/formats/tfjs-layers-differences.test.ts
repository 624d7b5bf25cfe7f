/** Where TensorFlow.js computes something else than Keras: as it does, or with a warning. */
import { beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/data/random.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { ChannelMutator } from '../../src/pruning/mutators/index.js';
import { loadStock, modelFiles, randomizeWeights, tf, useCpu } from '../support/tfjs.js';
import { relativeError, runGraph, runStock } from './run-graph.js';
import { readFiles } from './tampering.js';

const L = tf.layers;
const TOLERANCE = 2e-5;

beforeAll(useCpu);

function chain(x: tf.SymbolicTensor, ...layers: tf.layers.Layer[]): tf.SymbolicTensor {
  return layers.reduce((t, layer) => layer.apply(t) as tf.SymbolicTensor, x);
}

async function readStock(stock: tf.LayersModel) {
  const random = seededRandom(3);
  randomizeWeights(stock, random);
  const shape = [2, ...(stock.inputs[0].shape.slice(1) as number[])];
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random() - 0.5);
  const x = tensor('float32', shape, values);
  return { model: await readFiles(await modelFiles(stock)), x };
}

async function halved(model: Awaited<ReturnType<typeof readFiles>>, inputs: readonly Tensor[]) {
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(model.graph);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
  const pruned = await loadStock(await model.write(mutator.exportSubnet().graph));
  return { pruned: runStock(pruned, inputs), masked: runGraph(mutator.maskedGraph(), inputs) };
}

describe('windows in three dimensions with gaps between them', () => {
  const rows: Readonly<Record<string, () => tf.layers.Layer>> = {
    'a shortcut of stride 2': () => L.conv3d({ filters: 4, kernelSize: 1, strides: 2, padding: 'same' }),
    'a wide stride': () => L.conv3d({ filters: 4, kernelSize: [1, 2, 1], strides: [3, 3, 1], padding: 'same' }),
    'channels first': () =>
      L.conv3d({ filters: 4, kernelSize: 1, strides: 2, padding: 'same', dataFormat: 'channelsFirst' }),
    means: () => L.averagePooling3d({ poolSize: [1, 2, 1], strides: [2, 2, 3], padding: 'same' }),
    extremes: () => L.maxPooling3d({ poolSize: 1, strides: 3, padding: 'same' }),
  };
  test.each(Object.entries(rows))('%s', async (_name, layer) => {
    const input = tf.input({ shape: [6, 4, 8, 4] });
    const output = chain(input, L.conv3d({ filters: 4, kernelSize: 1 }), layer(), L.flatten(), L.dense({ units: 2 }));
    const stock = tf.model({ inputs: input, outputs: output });
    const { model, x } = await readStock(stock);
    expect(model.warnings).toMatchObject([{ code: 'BACKEND_DIFFERS', message: expect.stringContaining('gaps') }]);
    expect(relativeError(runGraph(model.graph, [x]), runStock(stock, [x]))).toBeLessThan(TOLERANCE);
    const { pruned, masked } = await halved(model, [x]);
    expect(relativeError(pruned, masked)).toBeLessThan(TOLERANCE);
  });
});

test.each([
  ['Conv3DTranspose', [2, 2, 2, 3], [L.conv3dTranspose({ filters: 2, kernelSize: 1, strides: 3, padding: 'same' })]],
  ['CenterCrop', [9, 6, 3], [L.conv2d({ filters: 2, kernelSize: 1 }), L.centerCrop({ height: 4, width: 5 })]],
] as const)('%s, computed as Keras does, says so', async (_name, shape, layers) => {
  const input = tf.input({ shape: [...shape] });
  const stock = tf.model({ inputs: input, outputs: chain(input, ...layers) });
  const { model, x } = await readStock(stock);
  expect(relativeError(runGraph(model.graph, [x]), runStock(stock, [x]))).toBeGreaterThan(0.01);
  expect(model.warnings).toMatchObject([{ code: 'BACKEND_DIFFERS' }]);
});

test('CenterCrop says nothing where TensorFlow.js cuts the middle out', async () => {
  // Stock's CenterCrop sets the shape of the tensor that it is given, so it isn't given the input.
  const sizes = [1, 2, 3, 5, 6, 7, 8, 9];
  for (const [height, width] of sizes.flatMap((h) => sizes.map((w) => [h, w]))) {
    if (width > 8) continue;
    const input = tf.input({ shape: [9, 8, 1] });
    const stock = tf.model({
      inputs: input,
      outputs: chain(input, L.conv2d({ filters: 1, kernelSize: 1 }), L.centerCrop({ height, width })),
    });
    const { model, x } = await readStock(stock);
    const same = relativeError(runGraph(model.graph, [x]), runStock(stock, [x])) < TOLERANCE;
    expect([height, width, model.warnings.length]).toEqual([height, width, same ? 0 : 1]);
  }
});

test('a negative axis of a concatenation that is not the last', async () => {
  const input = tf.input({ shape: [4, 5, 2] });
  const joined = L.concatenate({ axis: -2 }).apply([input, input]) as tf.SymbolicTensor;
  const { model, x } = await readStock(tf.model({ inputs: input, outputs: joined }));
  expect(model.warnings).toMatchObject([{ code: 'BACKEND_DIFFERS', message: expect.stringContaining('axis is -2') }]);
  expect(runGraph(model.graph, [x])[0].shape).toEqual([2, 4, 10, 2]);
});
