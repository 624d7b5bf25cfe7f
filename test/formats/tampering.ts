import { fileSetOf } from '../../src/archive/index.js';
import type { LoadedModel, ReadOptions } from '../../src/formats/format.js';
import { detectFormat } from '../../src/formats/index.js';
import { seededRandom } from '../support/seeded-random.js';
import { modelFiles, randomizeWeights, tf } from '../support/tfjs.js';

// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of any shape
export type AnyJson = any;

/** A functional model `input → conv → norm → flatten → dense`, whose layers have those names. */
export async function plainFiles(): Promise<Map<string, Uint8Array>> {
  const input = tf.input({ shape: [6, 6, 2], name: 'input' });
  const layers = [
    tf.layers.conv2d({ filters: 4, kernelSize: 3, name: 'conv' }),
    tf.layers.batchNormalization({ name: 'norm' }),
    tf.layers.flatten({ name: 'flatten' }),
    tf.layers.dense({ units: 3, activation: 'softmax', name: 'dense' }),
  ];
  const output = layers.reduce((t, layer) => layer.apply(t) as tf.SymbolicTensor, input as tf.SymbolicTensor);
  const model = tf.model({ inputs: input, outputs: output, name: 'plain' });
  // Of one seed: how much rounding weights shows in the outputs goes by the weights.
  randomizeWeights(model, seededRandom(3));
  return modelFiles(model);
}

export function jsonOf(files: ReadonlyMap<string, Uint8Array>): AnyJson {
  return JSON.parse(Buffer.from(files.get('model.json')!).toString());
}

export function withJson(files: ReadonlyMap<string, Uint8Array>, json: AnyJson | string): Map<string, Uint8Array> {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  return new Map([...files, ['model.json', new TextEncoder().encode(text)]]);
}

/** The plain model with its JSON changed. */
export async function tampered(change: (json: AnyJson) => void): Promise<Map<string, Uint8Array>> {
  const files = await plainFiles();
  const json = jsonOf(files);
  change(json);
  return withJson(files, json);
}

export function layerNamed(json: AnyJson, name: string): AnyJson {
  return json.modelTopology.config.layers.find((layer: AnyJson) => layer.name === name);
}

export async function readFiles(
  files: ReadonlyMap<string, Uint8Array>,
  options: ReadOptions = {},
): Promise<LoadedModel> {
  const set = fileSetOf(files);
  return (await detectFormat(set)).read(set, options);
}
