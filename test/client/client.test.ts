import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Client, createClient, ProblemError } from '../../src/client/index.js';
import { type Harness, openHarness } from '../api/harness.js';

let h: Harness;
let client: Client;
let folder: string;
let url: string;
beforeEach(async () => {
  h = await openHarness({ apiKey: 'a-good-key' });
  await h.app.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(h.app.server.address() as AddressInfo).port}`;
  client = createClient({ url, apiKey: 'a-good-key' });
  folder = await mkdtemp(join(tmpdir(), 'client-'));
});
afterEach(async () => {
  await h.close();
  await rm(folder, { recursive: true });
});

test('upload, start, follow, download', async () => {
  await writeFile(join(folder, 'model.json'), '{}');
  await writeFile(join(folder, 'w.bin'), 'abc');
  const model = await client.uploadModel([join(folder, 'model.json'), join(folder, 'w.bin')]);
  expect(await client.uploadModel({ 'model.json': Buffer.from('{}'), 'w.bin': Buffer.from('abc') })).toEqual(model);
  expect(Object.keys((await client.units(model.id)).channel_unit_cfg.units)).toHaveLength(2);
  const dataset = await client.uploadDataset({ 'data.npz': Buffer.from('data') });
  const { id } = await client.createJob({ model: model.id, dataset: dataset.id, config: { target: { macs: 0.4 } } });

  const seen: string[] = [];
  const done = client.waitForJob(id, {
    intervalMs: 20,
    onProgress: (job) => void seen.push(`${job.status} ${job.progress}`),
  });
  await expect.poll(() => seen).toEqual(['queued 0']);
  await h.report({ job_id: id, attempt: 1, type: 'progress', phase: 'pruning', progress: 0.5 });
  await expect.poll(() => seen).toHaveLength(2);
  await h.finish(id);
  expect((await done).status).toBe('succeeded');
  expect(seen).toEqual(['queued 0', 'running 0.5', 'succeeded 1']);

  expect(await client.downloadModel(id, join(folder, 'pruned.zip'))).toEqual({ sizeBytes: 10 });
  expect(await readFile(join(folder, 'pruned.zip'), 'utf8')).toBe('0123456789');
  expect(await (await client.readModel(id)).text()).toBe('0123456789');
  expect(await (await client.readArtifact(id, 'model.zip')).text()).toBe('0123456789');
  expect(await client.report(id)).toEqual({});
  expect((await client.artifacts(id)).map((a) => a.name)).toEqual(['model.zip', 'report.json']);
  expect((await client.listJobs({ status: 'succeeded', limit: 1 })).data[0].id).toBe(id);
  await client.deleteJob(id);
});

test('everything in one call; cancel', async () => {
  const job = await client.submit({ model: { 'm.zip': Buffer.from('m') }, config: { seed: 3 } });
  expect(job.config).toMatchObject({ seed: 3 });
  expect((await client.cancel(job.id)).status).toBe('canceled');
  expect((await client.waitForJob(job.id)).status).toBe('canceled');
  expect((await client.retry(job.id)).status).toBe('queued');
});

test('what the service refuses is a typed error', async () => {
  const { id } = await client.uploadModel({ 'm.zip': Buffer.from('m') });
  const error = await client.createJob({ model: id, config: { target: { macs: 2 } } }).catch((e) => e);
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', status: 422, errors: [{ pointer: '/config/target/macs' }] });
  await expect(createClient({ url }).listJobs()).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
  await expect(client.downloadModel('job_none', join(folder, 'x'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
