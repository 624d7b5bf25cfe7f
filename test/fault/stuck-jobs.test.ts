/** Jobs that block or allocate without bound, over HTTP with a worker process of narrow limits. */
import { expect, test } from 'vitest';
import { describeRedis } from '../contracts/redis-server.js';
import { ALLOCATES, BLOCKS, useHttpService, WORKS } from './http-service.js';

describeRedis('a job that', () => {
  const used = useHttpService({ JOB_DEADLINE: '8', JOB_MEMORY_LIMIT: String(250 * 2 ** 20) });

  test.each([
    ['blocks for longer than a job may take', BLOCKS, 'DEADLINE_EXCEEDED'],
    ['allocates without bound', ALLOCATES, 'OUT_OF_MEMORY'],
  ])('%s is ended with a code, and the next one runs', async (_, seed, code) => {
    const { service } = used;
    const stuck = await service.job(seed);
    expect(await service.until(stuck, 'failed')).toMatchObject({ error: { code, retryable: false } });
    const next = await service.job(WORKS);
    await service.until(next, 'succeeded');
  });
});
