/** A disk that fills up, over HTTP: a small file system of the test's own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, temporaryFolder } from '../e2e/processes.js';
import { type HttpService, startHttpService, startStandInWorker, WAITS_AND_WRITES, WORKS } from './http-service.js';

const MIB = 2 ** 20;

/** Mounts 64 MiB; only root may. */
const mount = (path: string) => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', path]).status === 0;

const filesOf = (path: string): string[] => readdirSync(path, { recursive: true }).map(String);

function canMount(): boolean {
  const folder = temporaryFolder();
  const can = mount(folder.path);
  if (can) execFileSync('umount', [folder.path]);
  folder.remove();
  return can;
}

describe.skipIf(!canMount())('a disk that is full (needs leave to mount one)', () => {
  describeRedis('to the last byte', () => {
    let redis: PrivateRedis;
    let data: ReturnType<typeof temporaryFolder>;
    let service: HttpService;
    let worker: RunningProcess;

    beforeEach(async () => {
      redis = await startRedis();
      data = temporaryFolder();
      mount(data.path);
      const env = { REDIS_URL: redis.url, DATA_DIR: data.path };
      service = await startHttpService(env);
      worker = startStandInWorker(env);
    });

    afterEach(async () => {
      await Promise.all([service.api.end(), worker.end()]);
      await redis.stop();
      execFileSync('umount', [data.path]);
      data.remove();
    });

    const FILL = 'something-else';

    /** Writes until nothing more fits. */
    const fill = (): void => {
      const file = openSync(join(data.path, FILL), 'w');
      const piece = Buffer.alloc(4096, 1);
      try {
        for (;;) writeSync(file, piece);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
      } finally {
        closeSync(file);
      }
    };

    test('takes nothing new; a running job waits, says so, and goes on when there is room', async () => {
      const job = await service.job(WAITS_AND_WRITES);
      await service.until(job, 'running');
      const { body: model } = await service.upload();
      fill();
      service.goOn(job);
      const waiting = await service.until(job, 'queued');
      expect(waiting).toMatchObject({ warnings: [{ code: 'DISK_FULL' }], error: null });
      await service.ready({ status: 503, detail: /the disk of DATA_DIR is full/ });
      expect(await service.upload()).toMatchObject({ status: 507, body: { code: 'DISK_FULL' } });
      const refused = await service.call('POST', '/jobs', { model: model.id });
      expect(refused).toMatchObject({ status: 507, body: { code: 'DISK_FULL' } });
      rmSync(join(data.path, FILL));
      await service.ready({ status: 200 });
      expect(await service.until(job, 'succeeded')).toMatchObject({ warnings: [], error: null });
      await service.until(await service.job(WORKS), 'succeeded');
      // What was kept for the record is kept again.
      await expect.poll(() => readdirSync(data.path)).toContain('reserve');
    });

    test('by an upload: 507, and nothing of it is left', async () => {
      const before = new Set(filesOf(data.path));
      const answer = await service.upload('x'.repeat(80 * MIB));
      expect(answer).toMatchObject({ status: 507, body: { code: 'DISK_FULL' } });
      expect(filesOf(data.path).filter((name) => !before.has(name))).toEqual(['uploads']);
      await service.ready({ status: 200 });
      await service.until(await service.job(WORKS), 'succeeded');
    });

    test('and a job that waits for room can be canceled', async () => {
      const job = await service.job(WAITS_AND_WRITES);
      await service.until(job, 'running');
      fill();
      service.goOn(job);
      await service.until(job, 'queued');
      expect(await service.call('POST', `/jobs/${job}/cancel`)).toMatchObject({ status: 202 });
      await service.until(job, 'canceled');
    });
  });
});
