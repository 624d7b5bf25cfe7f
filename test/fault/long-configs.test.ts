/** Jobs with configs as long as they may be, which many wait for, watch and list: others are still answered. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSqliteJobStore } from '../../src/jobs/sql-job-store.js';
import { resolveConfig } from '../../src/prune-config/index.js';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type ServiceProcess, startApi, temporaryFolder } from '../e2e/processes.js';
import { modelUpload, newJob } from '../jobs/samples.js';

/** It was 10 s and more, and gigabytes. */
const LONGEST_STALL_MS = 2000;
const MOST_BYTES = 500 * 2 ** 20;

const OTHER_CLIENT = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { readFileSync } = require('node:fs');
  let over = false;
  parentPort.once('message', () => { over = true; });
  void (async () => {
    let [stallMs, bytes] = [0, 0];
    while (!over) {
      const start = performance.now();
      await (await fetch(workerData.url + '/healthz')).text();
      stallMs = Math.max(stallMs, performance.now() - start);
      const status = readFileSync('/proc/' + workerData.pid + '/status', 'utf8');
      if (bytes === 0) parentPort.postMessage('it was answered');
      bytes = Math.max(bytes, Number(/VmRSS:\\s+(\\d+)/.exec(status)[1]) * 1024);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    parentPort.postMessage({ stallMs, bytes });
  })();
`;

const ignore = Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(1000, 'x'));
const config = resolveConfig({ ignore }, { hasDataset: false });

// Without a worker the jobs stay queued.
describeRedis('60 jobs with configs of a megabyte', () => {
  const folder = temporaryFolder();
  const ids: string[] = [];
  let redis: PrivateRedis;
  let api: ServiceProcess;
  beforeAll(async () => {
    redis = await startRedis();
    const store = await openSqliteJobStore(join(folder.path, 'record.db'));
    const { upload } = await store.addUpload(modelUpload());
    for (let i = 0; i < 60; i++) ids.push((await store.addJob(newJob(upload.id, { config }))).job.id);
    await store.close();
    api = await startApi({ DATA_DIR: folder.path, REDIS_URL: redis.url });
  });
  afterAll(async () => {
    await api?.end('SIGKILL');
    await redis?.stop();
    folder.remove();
  });

  /** Sends a request on a connection of its own. @returns the bytes of its answer, once the service has closed it */
  function ask(path: string): { socket: Socket; answered: Promise<number> } {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    let bytes = 0;
    socket.on('data', ({ length }) => {
      bytes += length;
    });
    socket.on('error', () => {});
    return { socket, answered: new Promise((resolve) => socket.once('close', () => resolve(bytes))) };
  }

  /** The longest that somebody else had to wait for an answer meanwhile, and the most memory that the API held. */
  async function during(work: () => Promise<unknown>): Promise<{ stallMs: number; bytes: number }> {
    // In a thread of its own: this one is busy with what comes.
    const other = new Worker(OTHER_CLIENT, { eval: true, workerData: { url: api.url, pid: api.child.pid } });
    await once(other, 'message');
    await work();
    other.postMessage('end');
    const [found] = await once(other, 'message');
    return found;
  }

  function expectCalm({ stallMs, bytes }: { stallMs: number; bytes: number }): void {
    expect(stallMs).toBeLessThan(LONGEST_STALL_MS);
    expect(bytes).toBeLessThan(MOST_BYTES);
  }

  test('300 waits for one that time out', async () => {
    const work = async () => {
      const waits = Array.from({ length: 300 }, () => ask(`/jobs/${ids[0]}?wait=4`).answered);
      for (const bytes of await Promise.all(waits)) expect(bytes).toBeGreaterThan(1_000_000);
    };
    expectCalm(await during(work));
  });

  test('200 event streams of one, and 200 waits, until it is canceled', async () => {
    const paths = [`/jobs/${ids[1]}/events`, `/jobs/${ids[1]}?wait=60`];
    const work = async () => {
      const all = Array.from({ length: 400 }, (_, i) => ask(paths[i % 2]));
      await new Promise((resolve) => setTimeout(resolve, 2000));
      await fetch(`${api.url}/jobs/${ids[1]}/cancel`, { method: 'POST' });
      await Promise.all(all.map(({ answered }) => answered));
    };
    expectCalm(await during(work));
  });

  test('40 lists of all of them', async () => {
    let tookMs = 0;
    const work = async () => {
      const start = performance.now();
      await Promise.all(Array.from({ length: 40 }, () => ask('/jobs?limit=100').answered));
      tookMs = performance.now() - start;
    };
    expectCalm(await during(work));
    expect(tookMs).toBeLessThan(4000);
  });

  test('each of them asked for by clients that read nothing: what is on its way is bounded', async () => {
    const work = async () => {
      const sockets = [...ids, ...ids, ...ids].map((id) => ask(`/jobs/${id}`).socket.pause());
      await new Promise((resolve) => setTimeout(resolve, 3000));
      for (const socket of sockets) socket.destroy();
    };
    expectCalm(await during(work));
  });

  test('waits in line on one connection that is closed leave no trace', async () => {
    await api.end('SIGKILL');
    api = await startApi({ DATA_DIR: folder.path, REDIS_URL: redis.url, WAIT_LIMIT: '10' });
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.on('error', () => {});
    const request = `GET /jobs/${ids[2]}/events HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    socket.write(request.repeat(10));
    const status = async () => (await fetch(`${api.url}/jobs/${ids[2]}?wait=0.01`)).status;
    await expect.poll(status, { timeout: 5000 }).toBe(429);
    socket.destroy();
    await expect.poll(status, { timeout: 5000 }).toBe(200);
  });
});
