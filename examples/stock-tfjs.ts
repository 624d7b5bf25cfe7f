/** What a user of the pruned model would do: load it in stock TensorFlow.js, and run it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';

export interface StockRun {
  /** Share of samples classified right. */
  readonly accuracy: number;
  readonly parameters: number;
  /** Median milliseconds of one sample, warm. */
  readonly latencyMs: number;
}

export async function useWasm(): Promise<void> {
  // Imported late: a backend that is imported becomes the default one.
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  await tf.ready();
}

/** Loads `model.json` and its shards from a folder, with every weight checked. */
export async function loadLayersModel(folder: string): Promise<tf.LayersModel> {
  const json = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'));
  const manifest = json.weightsManifest as tf.io.WeightsManifestConfig;
  const shards = await Promise.all(
    manifest.flatMap((group) => group.paths.map((path) => readFile(join(folder, path)))),
  );
  return tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: json.modelTopology,
      weightSpecs: manifest.flatMap((group) => group.weights),
      weightData: new Uint8Array(Buffer.concat(shards)).buffer,
    }),
  );
}

/** @param pixels 8-bit samples, fed as x/255 @param labels one class number a sample */
export function runStock(model: tf.LayersModel, pixels: Uint8Array, labels: ArrayLike<number>): StockRun {
  const sample = model.inputs[0].shape.slice(1) as number[];
  const size = sample.reduce((n, d) => n * d, 1);
  const feed = (from: number, to: number) =>
    tf.tensor(
      Float32Array.from(pixels.subarray(from * size, to * size), (v) => v / 255),
      [to - from, ...sample],
    );
  let right = 0;
  for (let from = 0; from < labels.length; from += 100) {
    const to = Math.min(labels.length, from + 100);
    const predicted = tf.tidy(() => (model.predict(feed(from, to)) as tf.Tensor).argMax(-1).dataSync());
    predicted.forEach((p, i) => {
      if (p === labels[from + i]) right++;
    });
  }
  const one = feed(0, 1);
  const times = Array.from({ length: 40 }, () => {
    const start = performance.now();
    tf.tidy(() => (model.predict(one) as tf.Tensor).dataSync());
    return performance.now() - start;
  });
  one.dispose();
  const warm = times.slice(10).sort((a, b) => a - b);
  return { accuracy: right / labels.length, parameters: model.countParams(), latencyMs: warm[warm.length >> 1] };
}
