/** A disk that fills up, over HTTP: a small file system of the test's own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { buildResidualNet, saveLayersModel } from '../../examples/residual-net.js';
import { drawShapes, SHAPE_CLASSES, SHAPE_SIZE } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import { createClient } from '../../src/client/index.js';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, startApi, temporaryFolder } from '../e2e/processes.js';
import { type HttpService, startHttpService, startStandInWorker, WAITS_AND_WRITES, WORKS } from './http-service.js';

const MIB = 2 ** 20;

/** Mounts 64 MiB; only root may. */
const mount = (path: string) => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', path]).status === 0;

const FILL = 'something-else';

/** Writes until nothing more fits. */
function fill(folder: string): void {
  const file = openSync(join(folder, FILL), 'w');
  // The last bytes only go into small pieces.
  for (const size of [MIB, 4096]) {
    const piece = Buffer.alloc(size, 1);
    try {
      for (;;) writeSync(file, piece);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    }
  }
  closeSync(file);
}

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

    test('takes nothing new; a running job waits, says so, and goes on when there is room', async () => {
      const job = await service.job(WAITS_AND_WRITES);
      await service.until(job, 'running');
      const { body: model } = await service.upload();
      fill(data.path);
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
      fill(data.path);
      service.goOn(job);
      await service.until(job, 'queued');
      expect(await service.call('POST', `/jobs/${job}/cancel`)).toMatchObject({ status: 202 });
      await service.until(job, 'canceled');
    });
  });

  test('while a real job trains, in the API: it waits, and ends as it should when there is room', async () => {
    const inputs = temporaryFolder();
    const data = temporaryFolder();
    mount(data.path);
    const net = join(inputs.path, 'net');
    await saveLayersModel(buildResidualNet([SHAPE_SIZE, SHAPE_SIZE, 1], SHAPE_CLASSES.length), net);
    const { x, y } = drawShapes(160, 7);
    await writeNpz(join(inputs.path, 'data.npz'), { x_train: x, y_train: y });
    const api = await startApi({ DATA_DIR: data.path });
    onTestFinished(async () => {
      await api.end();
      execFileSync('umount', [data.path]);
      for (const folder of [inputs, data]) folder.remove();
    });
    const client = createClient({ url: api.url });
    const { id } = await client.submit({
      model: [join(net, 'model.json'), join(net, 'weights.bin')],
      dataset: join(inputs.path, 'data.npz'),
      config: { target: { macs: 0.6 }, finetune: { epochs: 40, batch_size: 16 } },
    });
    // A checkpoint was written.
    await expect
      .poll(() => filesOf(data.path).some((name) => name.endsWith('.safetensors')), { timeout: 240_000 })
      .toBe(true);
    fill(data.path);
    await expect
      .poll(() => client.getJob(id), { timeout: 240_000 })
      .toMatchObject({
        status: 'queued',
        warnings: expect.arrayContaining([expect.objectContaining({ code: 'DISK_FULL' })]),
      });
    rmSync(join(data.path, FILL));
    expect(await client.waitForJob(id)).toMatchObject({ status: 'succeeded', result: { equivalence: { ok: true } } });
    expect(api.log.filter(({ msg }) => msg === 'job started').length).toBeGreaterThan(1);
  }, 900_000);
});
