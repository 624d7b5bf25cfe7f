import * as tf from '@tensorflow/tfjs';
import { fileSetOf } from '../../src/archive/index.js';
import type { FileSet } from '../../src/formats/format.js';

/** Stock TensorFlow.js, to make models with and to run what the writer wrote. */
export { tf };

export async function useCpu(): Promise<void> {
  await tf.setBackend('cpu');
  await tf.ready();
}

/** Much faster than {@link useCpu} on networks of real size. */
export async function useWasm(): Promise<void> {
  // Not imported above, since a registered backend becomes the default one.
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  await tf.ready();
}

/** The files that a model saves: `model.json` and one shard, under `folder`. */
export async function modelFiles(model: tf.LayersModel, folder = ''): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const { weightData, weightSpecs, ...rest } = artifacts;
      const manifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      const json = JSON.stringify({ ...rest, weightsManifest: manifest });
      files.set(`${folder}model.json`, new TextEncoder().encode(json));
      files.set(`${folder}weights.bin`, new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  return files;
}

/** A model as an upload holds it. */
export async function modelFileSet(model: tf.LayersModel): Promise<FileSet> {
  return fileSetOf(await modelFiles(model));
}

/** Loads `model.json` and its shards with stock TensorFlow.js, strictly: every weight must be there, no other may. */
export async function loadStock(
  files: ReadonlyMap<string, Uint8Array>,
  jsonName = 'model.json',
): Promise<tf.LayersModel> {
  const folder = jsonName.slice(0, jsonName.lastIndexOf('/') + 1);
  const json = JSON.parse(new TextDecoder().decode(files.get(jsonName)!));
  const manifest = json.weightsManifest as tf.io.WeightsManifestConfig;
  const shards = manifest.flatMap((group) => group.paths.map((path) => files.get(folder + path)!));
  const { weightsManifest, ...rest } = json;
  return tf.loadLayersModel(
    tf.io.fromMemory({
      ...rest,
      weightSpecs: manifest.flatMap((group) => group.weights),
      weightData: new Uint8Array(Buffer.concat(shards)).buffer,
    }),
  );
}

/** Gives every weight small random values, so that no norm is the identity and no bias is zero. */
export function randomizeWeights(model: tf.LayersModel, random: () => number): void {
  model.setWeights(
    model.weights.map((weight) => {
      const size = weight.shape.reduce<number>((n, d) => n * (d ?? 1), 1);
      // Variances stay positive.
      const low = weight.name.includes('variance') ? 0.5 : -0.5;
      return tf.tensor(
        Float32Array.from({ length: size }, () => low + random()),
        weight.shape as number[],
      );
    }),
  );
}
