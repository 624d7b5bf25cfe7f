import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenQueue, openRedisQueue } from '../../src/queue/index.js';
import { describeRedis, freePort, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { collectReports, type Reports } from '../contracts/reports.js';
import { childrenOf, compiled, jobOf } from '../workers/worker-fixture.js';

describeRedis('workers over Redis', () => {
  let redis: PrivateRedis;
  let dataDir: string;
  let open: OpenQueue;
  let reports: Reports;
  let workers: ChildProcess[];
  let errors: Error[];

  beforeEach(async () => {
    redis = await startRedis();
    dataDir = mkdtempSync(join(tmpdir(), 'espalier-fault-'));
    // The blob that every message names.
    mkdirSync(join(dataDir, 'blobs', '00', BLOB), { recursive: true });
    errors = [];
    open = openRedisQueue({ ...QUEUE, url: redis.url, onError: (error) => errors.push(error) });
    reports = collectReports(open.queue);
    workers = [];
  });

  afterEach(async () => {
    await open.queue.close();
    for (const worker of workers) {
      const children = childrenOf(worker.pid ?? 0);
      await kill(worker, 'SIGTERM');
      for (const child of children) expect(isAlive(Number.parseInt(child, 10)), child).toBe(false);
    }
    await redis.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const job = (steps: Parameters<typeof jobOf>[0]) => {
    const message = jobOf(steps);
    return { ...message, model: { ...message.model, blob: BLOB } };
  };

  const startWorker = async (folder = dataDir): Promise<ChildProcess> => {
    const env = { PATH: process.env.PATH, REDIS_URL: redis.url, DATA_DIR: folder };
    const worker = fork(compiled('test/fault/stand-in-worker.js'), { env, silent: true });
    workers.push(worker);
    await new Promise<void>((resolve, reject) => {
      worker.stdout?.on('data', (text: Buffer) => text.includes('worker ready') && resolve());
      worker.stderr?.on('data', (text: Buffer) => console.error(text.toString()));
      worker.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
    });
    return worker;
  };

  test('a worker that is killed midway leaves its job to the next one, which resumes and finishes it', async () => {
    const first = await startWorker();
    const message = job(['work', 'work', 'hang-once', 'work']);
    await open.queue.enqueue(message);
    await reports.until(({ type }) => type === 'log');
    await kill(first, 'SIGKILL');
    await startWorker();
    expect(await reports.ending(message.job_id)).toMatchObject({ attempt: 2, outcome: { status: 'succeeded' } });
    const resumed = { type: 'warning', message: '2 of 4 steps were run here' };
    expect(reports.ofJob(message.job_id)).toContainEqual(expect.objectContaining(resumed));
  });

  test('a worker that is told to stop gives its job back at once', async () => {
    const first = await startWorker();
    const message = job(['work', 'hang-once', 'work']);
    await open.queue.enqueue(message);
    await reports.until(({ type }) => type === 'log');
    const started = Date.now();
    await kill(first, 'SIGTERM');
    await startWorker();
    expect(await reports.ending(message.job_id)).toMatchObject({ attempt: 2, outcome: { status: 'succeeded' } });
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  test('a cancel reaches a job in another process', async () => {
    await startWorker();
    const message = job(['hang']);
    await open.queue.enqueue(message);
    await reports.until(({ type }) => type === 'log');
    expect(await open.queue.cancel(message.job_id)).toBe('signaled');
    expect(await reports.ending(message.job_id)).toMatchObject({ outcome: { status: 'canceled' } });
  });

  test('Redis that restarts midway loses no job, running or waiting', async () => {
    await startWorker();
    const [running, waiting] = [job(['work', 'wait-for-file', 'work']), job(['work'])];
    await open.queue.enqueue(running);
    await open.queue.enqueue(waiting);
    await reports.until(({ type }) => type === 'log');
    await redis.kill();
    await expect(open.queue.enqueue(job(['work']))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect.poll(() => open.queue.ready()).toMatch(/Redis/);
    await redis.start();
    mkdirSync(join(dataDir, 'jobs', running.job_id, 'checkpoints', 'go-on'));
    expect(await reports.ending(running.job_id)).toMatchObject({ attempt: 1, outcome: { status: 'succeeded' } });
    expect(await reports.ending(waiting.job_id)).toMatchObject({ outcome: { status: 'succeeded' } });
  });

  test('with Redis gone for good, the API and the worker still close', async () => {
    const worker = await startWorker();
    const message = job(['hang']);
    await open.queue.enqueue(message);
    await reports.until(({ type }) => type === 'log');
    await redis.kill();
    await expect.poll(() => open.queue.ready()).toMatch(/Redis/);
    const started = Date.now();
    await Promise.all([open.queue.close(), kill(worker, 'SIGTERM')]);
    expect(worker.exitCode).toBe(0);
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  test('Redis that comes back empty is given its jobs again', async () => {
    const messages = [job(['work']), job(['work'])];
    for (const message of messages) await open.queue.enqueue(message);
    await redis.kill();
    await redis.start({ empty: true });
    await startWorker();
    for (const { job_id } of messages)
      expect(await reports.ending(job_id)).toMatchObject({ outcome: { status: 'succeeded' } });
  });

  test('a worker with another DATA_DIR says so, of uploads and of jobs', async () => {
    await startWorker(join(dataDir, 'another'));
    const wanted = { code: 'UNAVAILABLE', message: expect.stringContaining('its DATA_DIR must be'), retryable: true };
    const message = job(['work']);
    await expect(open.queue.inspect('model', message.model)).rejects.toMatchObject(wanted);
    await open.queue.enqueue(message);
    expect(await reports.ending(message.job_id)).toMatchObject({ type: 'failed', error: wanted });
  });

  test('Redis that is emptied while it runs is given its jobs again', async () => {
    const [first, second] = [job(['work']), job(['work'])];
    for (const message of [first, second]) await open.queue.enqueue(message);
    execFileSync('redis-cli', ['-u', redis.url, 'flushall']);
    await startWorker();
    for (const { job_id } of [first, second]) {
      expect(await reports.ending(job_id)).toMatchObject({ type: 'finished', attempt: 1 });
    }
  });

  test('a job that Redis was too slow to take is not taken later behind the back of who asked', async () => {
    const [late, next] = [job(['work']), job(['work'])];
    await open.queue.enqueue(job(['work']));
    redis.freeze();
    await expect(open.queue.enqueue(late)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    redis.wake();
    await open.queue.enqueue(next);
    expect(await open.queue.cancel(late.job_id)).toBe('unknown');
    await open.queue.enqueue(late);
    await startWorker();
    expect(await reports.ending(late.job_id)).toMatchObject({ attempt: 1, outcome: { status: 'succeeded' } });
  });

  test('an inspection is answered by the worker process', async () => {
    await startWorker();
    const answer = await open.queue.inspect('model', { blob: BLOB, name: 'good.zip', sha256: '0' });
    expect(answer).toEqual({ format: 'onnx' });
  });
});

describeRedis('a queue whose Redis is not there yet', () => {
  test('says so quickly, reports it once, and works when Redis comes', async () => {
    const port = await freePort();
    const errors: Error[] = [];
    const { queue } = openRedisQueue({
      ...QUEUE,
      url: `redis://127.0.0.1:${port}`,
      onError: (error) => errors.push(error),
    });
    const started = Date.now();
    await expect(queue.enqueue(jobOf(['work']))).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    await expect(queue.cancel('job_x')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(Date.now() - started).toBeLessThan(4000);
    expect(errors).toHaveLength(1);
    const redis = await startRedis(port);
    const later = jobOf(['work']);
    await expect.poll(() => queue.ready(), { timeout: 5000 }).toBe(true);
    await queue.enqueue(later);
    expect(await queue.cancel(later.job_id)).toBe('removed');
    await queue.close();
    await redis.stop();
  });
});

const BLOB = '0'.repeat(64);

/** The prefix is that of the workers, which read the environment. */
const QUEUE = { prefix: 'espalier', owner: 'record-of-the-test' };

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
