/**
 * Kills of every kind, over HTTP against the processes of the product, a real Redis and jobs that train: no job that was
 * accepted is lost, none ends twice, and each ends with the weights of one that nobody disturbed. One kill of each kind;
 * `npm run test:kills` has as many as KILLS says.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildResidualNet, saveLayersModel } from '../../examples/residual-net.js';
import { drawShapes, SHAPE_CLASSES, SHAPE_SIZE } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import { createClient } from '../../src/client/index.js';
import { seededRandom } from '../../src/data/index.js';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, type ServiceProcess, startApi, startProcess, temporaryFolder } from '../e2e/processes.js';

const ALL = process.env.ESPALIER_ALL_KILLS === '1';
const SEED = Number(process.env.ESPALIER_RANDOM_SEED ?? 1);

const CONFIG = {
  seed: 3,
  algorithm: { type: 'IteAlgorithm', prune_times: 2 },
  target: { macs: 0.6 },
  finetune: { epochs: 3, batch_size: 32, optimizer: { type: 'sgd', learning_rate: 0.05 } },
};

describeRedis('kills', () => {
  const random = seededRandom(SEED);
  const folder = temporaryFolder();
  let redis: PrivateRedis;
  let env: { REDIS_URL: string; DATA_DIR: string };
  let api: ServiceProcess;
  let worker: RunningProcess;
  /** What every API wrote, the dead ones too. */
  const logs: (readonly Record<string, unknown>[])[] = [];
  let inputs: { model: string; dataset: string };
  let undisturbed: { sha256: string; ms: number };
  let posted = 0;

  const startBoth = { api: () => startTheApi(), worker: async () => startTheWorker() };
  async function startTheApi(): Promise<void> {
    api = await startApi(env);
    logs.push(api.log);
  }
  function startTheWorker(): void {
    worker = startProcess('workers/main.js', env);
  }

  const killChild = async (): Promise<void> => {
    const child = Number(worker.log.findLast(({ msg }) => msg === 'job started')?.child);
    try {
      process.kill(child, 'SIGKILL');
    } catch (error) {
      // It ended by itself just now.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };

  /** How often in all, and what it does. Each ends with everything running again. */
  const KILLS: Readonly<Record<string, readonly [most: number, strike: () => Promise<void>]>> = {
    'the child': [20, killChild],
    'the worker': [10, () => worker.end('SIGKILL').then(startBoth.worker)],
    'the API': [10, () => api.end('SIGKILL').then(startBoth.api)],
    'everything at once': [
      10,
      async () => {
        await Promise.all([killChild(), worker.end('SIGKILL'), api.end('SIGKILL'), redis.kill()]);
        await redis.start();
        startTheWorker();
        await startTheApi();
      },
    ],
    'Redis, which keeps its data': [5, () => redis.kill().then(() => redis.start())],
    'Redis with its data': [5, () => redis.kill().then(() => redis.start({ empty: true }))],
    'the worker, by SIGTERM': [5, () => worker.end().then(startBoth.worker)],
    'the API, by SIGTERM': [5, () => api.end().then(startBoth.api)],
  };

  beforeAll(async () => {
    redis = await startRedis();
    env = { REDIS_URL: redis.url, DATA_DIR: join(folder.path, 'data') };
    await startTheApi();
    startTheWorker();
    const model = join(folder.path, 'net');
    await saveLayersModel(buildResidualNet([SHAPE_SIZE, SHAPE_SIZE, 1], SHAPE_CLASSES.length), model);
    const { x, y } = drawShapes(320, 7);
    await writeNpz(join(folder.path, 'data.npz'), { x_train: x, y_train: y });
    const client = createClient({ url: api.url });
    inputs = {
      model: (await client.uploadModel(['model.json', 'weights.bin'].map((name) => join(model, name)))).id,
      dataset: (await client.uploadDataset(join(folder.path, 'data.npz'))).id,
    };
    const begin = performance.now();
    const sha256 = await sha256Of(await accepted('undisturbed'));
    undisturbed = { sha256, ms: performance.now() - begin };
  });
  afterAll(async () => {
    await Promise.all([api, worker].map((running) => running?.end('SIGKILL')));
    await redis.stop();
    folder.remove();
  });

  /** The job of a key, once it is accepted: who hears nothing, or that it can't be now, asks again under the same key. */
  async function accepted(key: string): Promise<string> {
    for (;;) {
      const answer = await fetch(`${api.url}/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ ...inputs, config: CONFIG }),
      }).catch(() => undefined);
      if (answer?.status === 202) {
        posted += 1;
        return ((await answer.json()) as { id: string }).id;
      }
      if (answer !== undefined) expect(answer.status).toBe(503);
      await sleep(50);
    }
  }

  async function sha256Of(id: string): Promise<string> {
    for (;;) {
      const answer = await fetch(`${api.url}/jobs/${id}?wait=5`).catch(() => undefined);
      if (answer === undefined) continue;
      expect(answer.status).toBe(200);
      const job = (await answer.json()) as { status: string; finished_at: string | null; error: unknown };
      if (job.finished_at === null) continue;
      expect(job).toMatchObject({ status: 'succeeded', error: null });
      const artifacts = await createClient({ url: api.url }).artifacts(id);
      return artifacts.find(({ name }) => name.startsWith('model'))!.sha256;
    }
  }

  test.each(Object.entries(KILLS))('of %s', { timeout: 3_600_000 }, async (name, [most, strike]) => {
    for (let round = 0; round < (ALL ? most : 1); round++) {
      const struck = await accepted(`${name} ${round}: struck`);
      await worker.line(({ msg, job_id }) => msg === 'job started' && job_id === struck);
      const atMs = random() * undisturbed.ms;
      await sleep(atMs);
      const [meanwhile] = await Promise.all([accepted(`${name} ${round}: meanwhile`), strike()]);
      for (const id of [struck, meanwhile]) {
        expect(await sha256Of(id), `seed ${SEED}, round ${round}, after ${Math.round(atMs)} ms`).toBe(
          undisturbed.sha256,
        );
        const ends = logs.flat().filter(({ msg, job_id }) => msg === 'job succeeded' && job_id === id);
        expect(ends.length).toBeLessThanOrEqual(1);
      }
    }
    if (ALL) console.info(`${name}: ${most} kills, 0 lost, 0 twice, all with the weights of an undisturbed run`);
  });

  test('made no job that nobody asked for', async () => {
    const ids = new Set<string>();
    for (let cursor = ''; ; ) {
      const page = await (await fetch(`${api.url}/jobs?limit=100${cursor && `&cursor=${cursor}`}`)).json();
      const { data, next_cursor } = page as { data: { id: string }[]; next_cursor: string | null };
      for (const { id } of data) ids.add(id);
      if (next_cursor === null) break;
      cursor = next_cursor;
    }
    expect(ids.size).toBe(posted);
  });
});
