/** Jobs that block or allocate without bound, over HTTP with a worker process of narrow limits. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, temporaryFolder } from '../e2e/processes.js';
import { ALLOCATES, BLOCKS, type HttpService, startHttpService, startStandInWorker, WORKS } from './http-service.js';

describeRedis('a job that', () => {
  const data = temporaryFolder();
  let redis: PrivateRedis;
  let service: HttpService;
  let worker: RunningProcess;

  beforeAll(async () => {
    redis = await startRedis();
    const env = { REDIS_URL: redis.url, DATA_DIR: data.path };
    service = await startHttpService(env);
    worker = startStandInWorker({ ...env, JOB_DEADLINE: '8', JOB_MEMORY_LIMIT: String(250 * 2 ** 20) });
  });
  afterAll(async () => {
    await Promise.all([service?.api.end(), worker?.end()]);
    await redis?.stop();
    data.remove();
  });

  test.each([
    ['blocks for longer than a job may take', BLOCKS, 'DEADLINE_EXCEEDED'],
    ['allocates without bound', ALLOCATES, 'OUT_OF_MEMORY'],
  ])('%s is ended with a code, and the next one runs', async (_, seed, code) => {
    const stuck = await service.job(seed);
    expect(await service.until(stuck, 'failed')).toMatchObject({ error: { code, retryable: false } });
    const next = await service.job(WORKS);
    await service.until(next, 'succeeded');
  });
});
