/**
 * Peak resident memory of the API process while it takes one upload of 400 MB. Usage: node dist/bench/upload-memory.js [MB]
 * The upload is a real LayersModel whose one dense layer is that large, so it is stored, inspected and accepted.
 */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../src/client/index.js';
import { startApi } from './api-process.js';

const megabytes = Number(process.argv[2] ?? 400);
const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const units = Math.floor((megabytes * 1e6) / 4 / 4096);

const layer = (name: string, size: number, extra = {}) => ({
  class_name: 'Dense',
  config: { name, units: size, activation: 'linear', use_bias: false, ...extra },
});
const model = {
  format: 'layers-model',
  modelTopology: {
    class_name: 'Sequential',
    config: { name: 'large', layers: [layer('wide', units, { batch_input_shape: [null, 4096] }), layer('scores', 2)] },
  },
  weightsManifest: [
    {
      paths: ['weights.bin'],
      weights: [
        { name: 'wide/kernel', shape: [4096, units], dtype: 'float32' },
        { name: 'scores/kernel', shape: [units, 2], dtype: 'float32' },
      ],
    },
  ],
};
await writeFile(join(folder, 'model.json'), JSON.stringify(model));
const file = await open(join(folder, 'weights.bin'), 'w');
await file.truncate((4096 + 2) * units * 4);
await file.close();

const api = await startApi({ DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'warn' });
try {
  const before = api.peakBytes();
  const start = performance.now();
  const { id, size_bytes } = await createClient({ url: api.url }).uploadModel(
    ['model.json', 'weights.bin'].map((name) => join(folder, name)),
  );
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  console.log(`${id}: ${mb(size_bytes)} taken and inspected in ${seconds} s`);
  console.log(`API process: peak ${mb(before)} before, ${mb(api.peakBytes())} after`);
} finally {
  await api.stop();
  await rm(folder, { recursive: true, force: true });
}
