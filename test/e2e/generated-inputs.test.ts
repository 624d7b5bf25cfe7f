/** A job over HTTP on a model that takes indices, without data: the inputs that the service makes up lie within its table. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createClient } from '../../src/client/index.js';
import { describeShared } from '../shared.js';
import { type RunningProcess, startApi, temporaryFolder } from './processes.js';

const folder = temporaryFolder();
const running: RunningProcess[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.end()));
});
afterAll(() => folder.remove());

describeShared('embedding-small over HTTP', 'cases/embedding-small', (model) => {
  test('is pruned to half of its MACs, certified and timed', async () => {
    const api = await startApi({ DATA_DIR: folder.path });
    running.push(api);
    const client = createClient({ url: api.url });
    const files = readdirSync(model).map((name) => join(model, name));
    const { id } = await client.submit({ model: files, config: { target: { macs: 0.5 } } });
    const job = await client.waitForJob(id);
    expect(job.error).toBeNull();
    expect(job.status).toBe('succeeded');
    const { baseline, pruned, equivalence } = job.result!;
    expect(pruned.macs).toBeLessThanOrEqual(baseline.macs / 2);
    expect(pruned.latency_ms).toBeGreaterThan(0);
    expect(equivalence!.relative).toBeLessThanOrEqual(1e-5);
    expect(equivalence!.engines!.names).toHaveLength(2);
  }, 120_000);
});
