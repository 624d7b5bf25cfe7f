/** Random Keras-style models of stock tfjs-layers, each read, pruned at random, written, and loaded by stock again. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { withoutUnusedSpares } from '../../src/graph/passes/spare-biases.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { ChannelMutator } from '../../src/pruning/mutators/index.js';
import { randomModel } from '../support/random-models.js';
import { randomSpares } from '../support/random-spares.js';
import { seededRandom } from '../support/seeded-random.js';
import { loadStock, modelFiles, tf, useCpu } from '../support/tfjs.js';
import { relativeError, runGraph, runStock } from './run-graph.js';
import { readFiles } from './tampering.js';

/** Set ESPALIER_RANDOM_MODELS to run more, ESPALIER_RANDOM_SEED to begin elsewhere. */
const COUNT = Number(process.env.ESPALIER_RANDOM_MODELS ?? 20);
const FIRST = Number(process.env.ESPALIER_RANDOM_SEED ?? 1);
/** Stock TensorFlow.js computes in float32, the reference in float64; deep networks of random weights amplify it. */
const TOLERANCE = 1e-4;
/** The masked and the sliced network, both in float64, with literals in float32. */
const CERTIFICATE = 1e-7;

let narrower = 0;

beforeAll(useCpu);
afterEach(() => tf.disposeVariables());

function randomInputs(model: tf.LayersModel, random: () => number): Tensor[] {
  return model.inputs.map(({ shape }) => {
    const dims = [2, ...(shape.slice(1) as number[])];
    const data = Float32Array.from({ length: dims.reduce((n, d) => n * d, 1) }, () => random() * 2 - 1);
    return tensor('float32', dims, data);
  });
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('model %i', async (seed) => {
  const random = seededRandom(seed + 1e6);
  const stock = randomModel(seed);
  const inputs = randomInputs(stock, random);
  const model = await readFiles(await modelFiles(stock), { spareBiases: true });
  verify(model.graph);
  const full = runStock(stock, inputs);
  expect(relativeError(runGraph(model.graph, inputs), full)).toBeLessThan(TOLERANCE);

  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(model.graph);
  mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.1 + 0.9 * random()])));
  // The others are taken out.
  mutator.setWeights(randomSpares(model.graph, random, 0.5));
  const subnet = withoutUnusedSpares(mutator.exportSubnet().graph);
  verify(subnet);
  const masked = runGraph(mutator.maskedGraph(), inputs);
  expect(relativeError(runGraph(subnet, inputs), masked)).toBeLessThan(CERTIFICATE);

  // Stock does not load what it saved itself then: calls of shared layers change their places.
  if (model.warnings.some(({ code }) => code === 'CALLS_REORDERED')) {
    expect(relativeError(runStock(await loadStock(await modelFiles(stock)), inputs), full)).toBeGreaterThan(TOLERANCE);
    return;
  }
  const pruned = await loadStock(await model.write(subnet));
  if (pruned.countParams() < stock.countParams()) narrower++;
  expect(relativeError(runStock(pruned, inputs), masked)).toBeLessThan(TOLERANCE);
});

test('most of them had something to prune', () => {
  expect(narrower).toBeGreaterThan(0.8 * COUNT);
});
