/** Jobs that are retried, over HTTP with a worker process. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, temporaryFolder } from '../e2e/processes.js';
import { FAILS_ONCE, HANGS_ONCE, type HttpService, startHttpService, startStandInWorker } from './http-service.js';

describeRedis('POST /jobs/{id}/retry', () => {
  let redis: PrivateRedis;
  let data: ReturnType<typeof temporaryFolder>;
  let service: HttpService;
  let worker: RunningProcess;

  beforeEach(async () => {
    redis = await startRedis();
    data = temporaryFolder();
    const env = { REDIS_URL: redis.url, DATA_DIR: data.path };
    service = await startHttpService(env);
    worker = startStandInWorker(env);
  });

  afterEach(async () => {
    await Promise.all([service.api.end(), worker.end()]);
    await redis.stop();
    data.remove();
  });

  /** That the last run of a job of three steps took the first one from the checkpoint. */
  const expectResumed = async (jobId: string) => {
    const { body } = await service.call('GET', `/jobs/${jobId}/events`);
    expect(body).toContain('2 of 3 steps were run here');
  };

  test('of a failed job goes on from its checkpoint', async () => {
    const job = await service.job(FAILS_ONCE);
    expect(await service.until(job, 'failed')).toMatchObject({ error: { code: 'TRAINING_DIVERGED' } });
    expect(await service.call('POST', `/jobs/${job}/retry`)).toMatchObject({ status: 202, body: { status: 'queued' } });
    const { status, error, warnings } = await service.until(job, 'succeeded');
    expect({ status, error }).toEqual({ status: 'succeeded', error: null });
    expect(warnings).toEqual([]);
    await expectResumed(job);
    expect(await service.call('POST', `/jobs/${job}/retry`)).toMatchObject({ status: 409 });
  });

  test('of a canceled job goes on from its checkpoint, and 409 while it runs', async () => {
    const job = await service.job(HANGS_ONCE);
    await service.until(job, 'running');
    expect(await service.call('POST', `/jobs/${job}/retry`)).toMatchObject({ status: 409 });
    await expect.poll(() => worker.log.some(({ msg }) => msg === 'job started')).toBe(true);
    await service.call('POST', `/jobs/${job}/cancel`);
    await service.until(job, 'canceled');
    expect(await service.call('POST', `/jobs/${job}/retry`)).toMatchObject({ status: 202 });
    await service.until(job, 'succeeded');
    await expectResumed(job);
  });
});
