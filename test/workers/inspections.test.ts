import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenQueue, openMemoryQueue } from '../../src/queue/index.js';
import { collectReports } from '../contracts/reports.js';
import { createFixture, type Fixture, jobOf } from './worker-fixture.js';

let fixture: Fixture;
let open: OpenQueue;

beforeEach(async () => {
  fixture = createFixture();
  open = openMemoryQueue({ onError: (error) => fixture.logged.push({ msg: error.message }) });
  const inspectionLimits = { memoryBytes: 200 * 2 ** 20, deadlineMs: 3000, cancelGraceMs: 0 };
  await fixture.start(open, { children: { inspectionLimits } });
});

afterEach(async () => {
  await fixture.dispose();
  await open.queue.close();
});

const inspect = (kind: 'model' | 'dataset', name: string) => open.queue.inspect(kind, { blob: 'b', name, sha256: '0' });

test('an upload is read by a child while a job runs', async () => {
  const reports = collectReports(open.queue);
  const job = jobOf(['hang']);
  await open.queue.enqueue(job);
  await reports.until(({ type }) => type === 'log');
  expect(await inspect('model', 'good.zip')).toEqual({ format: 'onnx' });
  await open.queue.cancel(job.job_id);
  await reports.ending(job.job_id);
});

test("the reader's own verdict comes back with code and fields", async () => {
  const errors = [{ pointer: '/f', message: 'code' }];
  await expect(inspect('model', 'lambda.zip')).rejects.toMatchObject({ code: 'LAMBDA_LAYER', errors, status: 422 });
});

test.each([
  ['model', 'bomb.zip', 'MODEL_INVALID', /bomb\.zip: reading it needs more than 200 MiB of memory/],
  ['model', 'heap.zip', 'MODEL_INVALID', /heap\.zip: reading it needs more than 200 MiB of memory/],
  ['dataset', 'slow.zip', 'DATASET_INVALID', /slow\.zip: reading it takes longer than 3 s/],
  ['dataset', 'crash.zip', 'DATASET_INVALID', /crash\.zip: reading it broke the reader: it was ended by SIGSEGV/],
] as const)('a %s named %s is %s', async (kind, name, code, message) => {
  const failure = await inspect(kind, name).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
});
