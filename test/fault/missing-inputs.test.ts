/** Unfinished jobs whose model or data set is not on the record, as one that was restored may have them. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { backUp } from '../../src/backup/backup.js';
import { restore } from '../../src/backup/restore.js';
import { openSqlite } from '../../src/jobs/sqlite.js';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, temporaryFolder } from '../e2e/processes.js';
import { type HttpService, startHttpService, startStandInWorker, WAITS, WORKS } from './http-service.js';

describeRedis('an unfinished job without', () => {
  let redis: PrivateRedis;
  let folder: ReturnType<typeof temporaryFolder>;
  let env: { REDIS_URL: string; DATA_DIR: string };
  let service: HttpService;
  let worker: RunningProcess;
  let running: string;
  /** Queued: what each lacks is deleted. */
  let lacking: { readonly model: string; readonly dataset: string };
  let uploads: { readonly model: string; readonly dataset: string };

  beforeEach(async () => {
    redis = await startRedis();
    folder = temporaryFolder();
    env = { REDIS_URL: redis.url, DATA_DIR: join(folder.path, 'data') };
    service = await startHttpService(env);
    worker = startStandInWorker(env);
    // It keeps the only worker busy.
    running = await service.job(WAITS);
    await service.until(running, 'running');
    const [kept, model, dataset] = [
      await upload('models', 'tiny.zip'),
      await upload('models', 'tiny.zip'),
      await upload('datasets', 'data.zip'),
    ];
    uploads = { model, dataset };
    lacking = { model: await start({ model }), dataset: await start({ model: kept, dataset }) };
  });

  afterEach(async () => {
    await Promise.all([service.api.end(), worker.end()]);
    await redis.stop();
    folder.remove();
  });

  let bytes = 0;

  const upload = async (path: string, name: string): Promise<string> => {
    const form = new FormData();
    form.append('file', new Blob([`bytes ${++bytes}`]), name);
    const { status, body } = await service.call('POST', `/${path}`, form);
    expect(status, JSON.stringify(body)).toBe(201);
    return body.id;
  };

  const start = async (request: object): Promise<string> => {
    const { status, body } = await service.call('POST', '/jobs', { ...request, config: { seed: WORKS } });
    expect(status, JSON.stringify(body)).toBe(202);
    return body.id;
  };

  /** Starts the service on the folder, with a worker, and sees how the jobs end. */
  const expectEndings = async (DATA_DIR: string): Promise<void> => {
    await Promise.all([service.api.end(), worker.end()]);
    env = { ...env, DATA_DIR };
    service = await startHttpService(env);
    worker = startStandInWorker(env);
    for (const kind of ['model', 'dataset'] as const) {
      const job = await service.until(lacking[kind], 'failed');
      const message = `${uploads[kind]}, which ${job.id} needs, was deleted`;
      expect(job.error).toEqual({ code: 'NOT_FOUND', message, phase: null, retryable: false });
      expect(await service.call('POST', `/jobs/${job.id}/retry`)).toMatchObject({ status: 404 });
    }
    service.goOn(running);
    await service.until(running, 'succeeded');
  };

  test('its model or its data set fails at the next start, and says so', async () => {
    await service.api.end();
    const { db, close } = await openSqlite(join(env.DATA_DIR, 'record.db'));
    await db.deleteFrom('uploads').where('id', 'in', Object.values(uploads)).execute();
    await close();
    await expectEndings(env.DATA_DIR);
  });

  test('an upload that a backup had to leave out is failed in its record', async () => {
    await worker.end();
    const { db, close } = await openSqlite(await copyOfRecord());
    const rows = await db.selectFrom('uploads').select('blob').where('id', 'in', Object.values(uploads)).execute();
    await close();
    for (const { blob } of rows) rmSync(join(env.DATA_DIR, 'blobs', blob.slice(0, 2), blob), { recursive: true });
    const [backup, restored] = [join(folder.path, 'backup'), join(folder.path, 'restored')];
    expect((await backUp(env.DATA_DIR, backup)).left).toHaveLength(2);
    await restore(backup, restored);
    const copy = await openSqlite(join(restored, 'record.db'));
    const failed = await copy.db.selectFrom('jobs').select('id').where('status', '=', 'failed').execute();
    await copy.close();
    expect(failed.map(({ id }) => id).sort()).toEqual(Object.values(lacking).sort());
    await expectEndings(restored);
  });

  const copyOfRecord = async (): Promise<string> => {
    const copy = join(folder.path, 'copy');
    await backUp(env.DATA_DIR, copy);
    return join(copy, 'record.db');
  };
});
