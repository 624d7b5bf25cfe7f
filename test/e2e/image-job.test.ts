/** Whole jobs over HTTP on images in class folders, against the built program in a process of its own. */
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { DATASET_LIMITS, openFileSet } from '../../src/archive/index.js';
import { createClient } from '../../src/client/index.js';
import { describeShared } from '../shared.js';
import { SHARED } from '../shared-folder.js';
import { tarGzOf, zipOf } from '../support/image-files.js';
import { type RunningProcess, startApi, temporaryFolder } from './processes.js';

const folder = temporaryFolder();
const running: RunningProcess[] = [];
/** Nothing is fitted: all images are measured on. */
const CONFIG = { target: { macs: 0.7 }, finetune: false, recovery: { method: 'none' } } as const;
/** Of the whole test part the model has 76.4 %. */
const ACCURACY = 0.764;

afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.end()));
});
afterAll(() => folder.remove());

/** Every so many of the images of the test part, in folders as they are. */
async function someImages(archive: string, every: number): Promise<Record<string, Uint8Array>> {
  const files = await openFileSet(archive, { limits: DATASET_LIMITS });
  try {
    const chosen = files.names.filter((name) => /^test\/.*\.jpg$/.test(name)).filter((_, i) => i % every === 0);
    return Object.fromEntries(await Promise.all(chosen.map(async (name) => [name, await files.read(name)])));
  } finally {
    await files.close();
  }
}

describeShared('CIFAR-10 as JPEGs over HTTP', 'data/cifar10-images/cifar10-b.zip', (archive) => {
  const model = join(SHARED, 'models/trained/cifar-plain.onnx');

  test('500 images score the model as arrays did, from a zip as from a tar', async () => {
    const api = await startApi({ DATA_DIR: folder.path });
    running.push(api);
    const client = createClient({ url: api.url });
    const images = await someImages(archive, 10);
    expect(Object.keys(images)).toHaveLength(500);
    const results = [];
    for (const dataset of [await zipOf(images), await tarGzOf(images)]) {
      const job = await client.waitForJob((await client.submit({ model, dataset, config: CONFIG })).id);
      expect(job.error).toBeNull();
      const record = await fetch(`${api.url}/datasets/${job.dataset}`).then((r) => r.json());
      expect(record).toMatchObject({
        kind: 'images',
        samples: { train: 500, validation: 0 },
        input_shape: [32, 32, 3],
        num_classes: 10,
        classes: expect.arrayContaining(['airplane', 'truck']),
      });
      // What is timed may bring a warning of its own.
      const told = job.warnings.map(({ code }) => code).filter((code) => code !== 'NOT_FASTER');
      expect(told).toEqual(['EVALUATED_ON_ALL_DATA', 'ACCURACY_DROPPED']);
      results.push([job.result!.baseline.accuracy, job.result!.baseline.loss, job.result!.pruned.accuracy]);
    }
    // Two deviations of 500 draws.
    expect(Math.abs(results[0][0]! - ACCURACY)).toBeLessThan(0.04);
    expect(results[1]).toEqual(results[0]);
  }, 120_000);

  test('what is wrong with images is told before a job is made', async () => {
    const api = await startApi({ DATA_DIR: folder.path });
    running.push(api);
    const client = createClient({ url: api.url });
    const broken = await zipOf({ 'a/1.jpg': Buffer.from('<html>'), 'b/1.jpg': Buffer.from('<html>') });
    await expect(client.submit({ model, dataset: broken, config: CONFIG })).rejects.toMatchObject({
      status: 422,
      code: 'DATASET_INVALID',
      message: expect.stringMatching(/[ab]\/1\.jpg \(/),
    });
  }, 60_000);
});
