/** Whole jobs over HTTP on real models, against the built program in processes of its own, checked in stock TensorFlow.js. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openFileSet } from '../../src/archive/index.js';
import { createClient, type JobView } from '../../src/client/index.js';
import { describeRedis, startRedis } from '../contracts/redis-server.js';
import { describeShared, SHARED } from '../shared.js';
import { readMnist, writeMnistNpz } from '../support/mnist.js';
import { loadStock, tf, useWasm } from '../support/tfjs.js';
import { type RunningProcess, startApi, startProcess, temporaryFolder } from './processes.js';

const models = join(SHARED, 'models/tfjs-layers');
const TRAIN = 8000;
const VALIDATION = 2000;
const CONFIG = { outputs: ['Softmax'], target: { macs: 0.5 }, finetune: { epochs: 5 } };

const folder = temporaryFolder();
const running: RunningProcess[] = [];

beforeAll(useWasm);
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.end()));
});
afterAll(() => folder.remove());

/** The files of a model as a user has them: its JSON and its shards. */
function filesOf(name: string): string[] {
  return readdirSync(join(models, name))
    .filter((file) => file === 'model.json' || file.startsWith('group'))
    .map((file) => join(models, name, file));
}

async function loadZip(path: string): Promise<{ model: tf.LayersModel; weightBytes: number }> {
  const files = await openFileSet(path);
  const all = new Map<string, Uint8Array>();
  for (const name of files.names) all.set(name, await files.read(name));
  await files.close();
  const weightBytes = [...all].reduce((sum, [name, bytes]) => (name.endsWith('.json') ? sum : sum + bytes.length), 0);
  return { model: await loadStock(all), weightBytes };
}

async function download(url: string, job: JobView): Promise<{ model: tf.LayersModel; weightBytes: number }> {
  const path = join(folder.path, `${job.id}.zip`);
  await createClient({ url }).downloadModel(job.id, path);
  return loadZip(path);
}

describeShared('tensorspace-mnist-keras, MACs 0.5, 8,000 images, 5 epochs', 'data/mnist-t10k', () => {
  const data = join(folder.path, 'mnist.npz');
  beforeAll(() => writeMnistNpz(data, TRAIN, VALIDATION));

  /** Share of the 2,000 validation images that stock TensorFlow.js gets right. */
  function stockAccuracy(model: tf.LayersModel): number {
    const { images, labels } = readMnist();
    const x = tf.tensor3d(
      Float32Array.from(images.subarray(TRAIN * 784), (v) => v / 255),
      [VALIDATION, 28, 28],
    );
    const predicted = Array.from((model.predict(x) as tf.Tensor).argMax(-1).dataSync());
    return predicted.filter((p, i) => p === labels[TRAIN + i]).length / VALIDATION;
  }

  async function checkJob(url: string, job: JobView): Promise<void> {
    expect(job.error).toBeNull();
    expect(job.status).toBe('succeeded');
    const { baseline, pruned, equivalence, stages, headline } = job.result!;
    expect(stages!.map(({ stage }) => stage)).toEqual(['original', 'pruned', 'recovered', 'finetuned', 'exported']);
    expect(stages!.at(-1)).toMatchObject({ accuracy: pruned.accuracy, agreement: pruned.agreement });
    expect(headline).toContain('2,000 samples');
    expect(pruned.accuracy).toBeGreaterThanOrEqual(baseline.accuracy! - 0.005);
    expect(pruned.macs).toBeLessThanOrEqual(baseline.macs / 2);
    expect(equivalence!.relative).toBeLessThanOrEqual(1e-5);
    const { model, weightBytes } = await download(url, job);
    expect(weightBytes).toBeLessThan(0.65 * 177_704);
    expect(model.outputs.map(({ name }) => name.split('/')[0])).toEqual(['Softmax']);
    // One image of the 2,000 may fall the other way between two runtimes' roundings.
    expect(Math.abs(stockAccuracy(model) - pruned.accuracy!)).toBeLessThanOrEqual(1 / VALIDATION);
  }

  test('in one process', async () => {
    const api = await startApi({ DATA_DIR: join(folder.path, 'one') });
    running.push(api);
    const client = createClient({ url: api.url });
    const job = await client.submit({ model: filesOf('tensorspace-mnist-keras'), dataset: data, config: CONFIG });
    await checkJob(api.url, await client.waitForJob(job.id));
  }, 400_000);

  describeRedis('through Redis', () => {
    test('with the worker as a process of its own, killed once midway', async () => {
      const redis = await startRedis();
      try {
        const env = { DATA_DIR: join(folder.path, 'two'), REDIS_URL: redis.url };
        const api = await startApi(env);
        const first = startProcess('workers/main.js', env);
        running.push(api, first);
        const client = createClient({ url: api.url });
        const job = await client.submit({ model: filesOf('tensorspace-mnist-keras'), dataset: data, config: CONFIG });
        const checkpoint = join(env.DATA_DIR, 'jobs', job.id, 'checkpoints', 'checkpoint.safetensors');
        await client.waitForJob(job.id, {
          onProgress: () => {
            if (existsSync(checkpoint) && first.child.exitCode === null && !first.child.killed) {
              first.child.kill('SIGKILL');
              running.push(startProcess('workers/main.js', env));
            }
          },
        });
        expect(first.child.killed).toBe(true);
        await checkJob(api.url, await client.getJob(job.id));
        expect(api.log.some(({ msg }) => String(msg).startsWith('resumed after epoch'))).toBe(true);
      } finally {
        await Promise.all(running.splice(0).map((process) => process.end()));
        await redis.stop();
      }
    }, 400_000);
  });
});

describe.each(['ml5-doodlenet-345', 'ml5-darknet-tiny'])('%s', (name) => {
  describeShared('pruned to half of its MACs without data', `models/tfjs-layers/${name}`, () => {
    test('loads in stock TensorFlow.js with narrower layers, and the certificate holds', async () => {
      const api = await startApi({ DATA_DIR: join(folder.path, name) });
      running.push(api);
      const client = createClient({ url: api.url });
      const job = await client.waitForJob((await client.submit({ model: filesOf(name) })).id);
      expect(job.error).toBeNull();
      const { baseline, pruned, equivalence } = job.result!;
      expect(pruned.macs).toBeLessThanOrEqual(baseline.macs / 2);
      expect(pruned.macs).toBeGreaterThan(baseline.macs * 0.45);
      expect(pruned.accuracy).toBeNull();
      expect(equivalence!.relative).toBeLessThanOrEqual(1e-5);
      const { model } = await download(api.url, job);
      expect(model.countParams()).toBe(pruned.parameters);
      const shape = model.inputs[0].shape.map((d) => d ?? 1);
      const output = model.predict(tf.randomUniform(shape, 0, 1, 'float32', 1)) as tf.Tensor;
      expect(output.dataSync().every(Number.isFinite)).toBe(true);
    }, 400_000);
  });
});
