import { expect, test } from 'vitest';
import { createFixture, jobOf, useWorker } from '../workers/worker-fixture.js';

const worker = useWorker();

const archive = { unpackedBytes: 1000, compressionRatio: 3, entries: 2 };
const datasetArchive = { unpackedBytes: 5000, compressionRatio: 3, entries: 20 };
const start = (inspectionDeadlineMs: number) =>
  worker.fixture.start(worker.open, {
    limits: { inspectionDeadlineMs, inspectionMemoryBytes: 200 * 2 ** 20, archive, datasetArchive },
  });

const inspect = (kind: 'model' | 'dataset', name: string) =>
  worker.open.queue.inspect(kind, { blob: 'b', name, sha256: '0' });

test('an upload is read by a child while a job runs', async () => {
  await start(30_000);
  const job = jobOf(['hang']);
  await worker.open.queue.enqueue(job);
  await worker.reports.until(({ type }) => type === 'log');
  expect(await inspect('model', 'good.zip')).toEqual({ format: 'onnx' });
  await worker.open.queue.cancel(job.job_id);
  await worker.reports.ending(job.job_id);
});

test('the reader is told what an upload may unpack to', async () => {
  await start(30_000);
  expect(await inspect('model', 'limits.zip')).toEqual(archive);
  expect(await inspect('dataset', 'limits.zip')).toEqual(datasetArchive);
});

test("the reader's own verdict comes back with code and fields", async () => {
  await start(30_000);
  const errors = [{ pointer: '/f', message: 'code' }];
  await expect(inspect('model', 'lambda.zip')).rejects.toMatchObject({ code: 'LAMBDA_LAYER', errors, status: 422 });
});

test('what records keep of a model is clipped', async () => {
  await start(30_000);
  const found = await worker.open.queue.inspect('model', { blob: 'b', name: 'long.zip', sha256: '0' });
  expect([found.name.length, found.warnings.length, found.warnings[0].message.length]).toEqual([1024, 200, 2000]);
});

test.each([
  ['model', 'bomb.zip', 30_000, 'MODEL_INVALID', /bomb\.zip: reading it needs more than 200 MiB of memory/],
  ['model', 'heap.zip', 30_000, 'MODEL_INVALID', /heap\.zip: reading it needs more than 200 MiB of memory/],
  ['dataset', 'slow.zip', 1000, 'DATASET_INVALID', /slow\.zip: reading it takes more than 1 s of the processor/],
  ['dataset', 'waiting.zip', 2000, 'UNAVAILABLE', /waiting\.zip could not be read in 5 s: the machine is busy/],
  [
    'model',
    'odd.zip',
    30_000,
    'MODEL_INVALID',
    /odd\.zip: our reader stumbled over it \(Cannot read properties of undefined/,
  ],
  ['dataset', 'deep.zip', 30_000, 'DATASET_INVALID', /deep\.zip: our reader stumbled over it \(Maximum call stack/],
  ['model', 'disk.zip', 30_000, 'INTERNAL', /something went wrong; the worker's log has it/],
  [
    'model',
    'huge.zip',
    30_000,
    'PAYLOAD_TOO_LARGE',
    /huge\.zip: .* takes \d+ bytes, and at most 16777216 are kept; shorter names make it fit/,
  ],
  [
    'dataset',
    'crash.zip',
    30_000,
    'DATASET_INVALID',
    /crash\.zip: reading it broke the reader: it was ended by SIGSEGV/,
  ],
  ['model', 'killed.zip', 30_000, 'UNAVAILABLE', /killed\.zip could not be read: it was ended by SIGKILL; the machine/],
  ['model', 'killed-then-crash.zip', 30_000, 'UNAVAILABLE', /could not be read: it was ended by SIGSEGV; the machine/],
  ['model', 'short.zip', 30_000, 'UNAVAILABLE', /short\.zip could not be read: it was ended by SIGABRT; the machine/],
  ['dataset', 'no-files.zip', 30_000, 'UNAVAILABLE', /short of open files or memory \(EMFILE\)/],
] as const)('a %s named %s, within %d ms, is %s', async (kind, name, deadlineMs, code, message) => {
  await start(deadlineMs);
  const failure = await inspect(kind, name).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
});

test.each(['killed-once.zip', 'crash-once.zip'])('%s is read by a second child', async (name) => {
  await start(30_000);
  expect(await inspect('model', name)).toMatchObject({ format: 'tfjs-layers' });
});

test.each(['warn', 'error'])(
  'with LOG_LEVEL %s a reader that stumbles is told to the sender, and to the log with its stack',
  async (level) => {
    const quiet = createFixture(level);
    await quiet.start(worker.open);
    await expect(inspect('model', 'bug.zip')).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(
        /bug\.zip: our reader stumbled over it \(undefined is no layer\).*whose log has it/,
      ),
    });
    const stack = expect.stringMatching(/TypeError: undefined is no layer\n.*stand-in-inspector/);
    expect(quiet.logged).toContainEqual(
      expect.objectContaining({ level: 50, inspect: 'model', code: 'MODEL_INVALID', stack }),
    );
    await expect(inspect('model', 'crash.zip')).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    expect(quiet.logged).toContainEqual(
      expect.objectContaining({ level: 50, stderr: ['a library says why'], msg: expect.stringContaining('crash.zip') }),
    );
    await quiet.dispose();
  },
);
