/** An API whose workers are not there says so within seconds, and goes on when one comes. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openMemoryQueue, openRedisQueue } from '../../src/queue/index.js';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, startApi, startProcess, temporaryFolder } from '../e2e/processes.js';
import { createFixture, type Fixture } from '../workers/worker-fixture.js';

const upload = { blob: 'b', name: 'good.zip', sha256: '0' };

test('in memory, too: an inspection that nobody takes is withdrawn, and a worker that comes gets the next', async () => {
  const fixture: Fixture = createFixture();
  const open = openMemoryQueue({ onError: () => {} });
  await expect(open.queue.inspect('model', upload)).rejects.toMatchObject({ code: 'NO_WORKER', retryable: true });
  await fixture.start(open);
  expect(await open.queue.inspect('model', upload)).toEqual({ format: 'onnx' });
  await fixture.dispose();
  await open.queue.close();
});

describeRedis('over Redis', () => {
  let redis: PrivateRedis;
  let folder: ReturnType<typeof temporaryFolder>;
  let running: RunningProcess[];
  beforeEach(async () => {
    redis = await startRedis();
    folder = temporaryFolder();
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((process) => process.end('SIGKILL')));
    await redis.stop();
    folder.remove();
  });

  test('an upload answers 503 NO_WORKER, then works with one, then says so again when that one is killed', async () => {
    const env = { DATA_DIR: join(folder.path, 'data'), REDIS_URL: redis.url };
    mkdirSync(env.DATA_DIR, { recursive: true });
    const api = await startApi(env);
    running.push(api);
    const post = async (bytes: string) => {
      const body = new FormData();
      body.append('file', new Blob([bytes]), 'model.onnx');
      const answer = await fetch(`${api.url}/models`, { method: 'POST', body });
      const { code, detail } = (await answer.json()) as { code: string; detail: string };
      return { status: answer.status, code, detail, retryAfter: answer.headers.get('retry-after') };
    };
    const absent = { status: 503, code: 'NO_WORKER', retryAfter: '10' };
    expect(await post('a')).toMatchObject(absent);
    const worker = startProcess('workers/main.js', env);
    running.push(worker);
    await worker.line(({ msg }) => msg === 'worker ready');
    expect(await post('b')).toMatchObject({ status: 422 });
    await worker.end('SIGKILL');
    expect(await post('c')).toMatchObject(absent);
  });

  test('what is said of a Redis that is away names no address', async () => {
    const errors: string[] = [];
    await redis.kill();
    const open = openRedisQueue({ url: redis.url, prefix: 'espalier', onError: ({ message }) => errors.push(message) });
    const port = new URL(redis.url).port;
    await expect.poll(() => errors.join()).toContain(port);
    expect(await open.queue.ready()).toMatch(/^Redis can not be reached/);
    expect(await open.queue.ready()).not.toContain(port);
    const failure = await open.queue.inspect('model', upload).catch((error: Error) => error.message);
    expect(failure).not.toContain(port);
    await open.queue.close();
  });
});
