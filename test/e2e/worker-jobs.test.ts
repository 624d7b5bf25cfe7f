import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFixture, type Fixture, jobOf, useWorker } from '../workers/worker-fixture.js';

const worker = useWorker();

const attemptsOf = (jobId: string) => readdirSync(join(worker.fixture.dataDir, 'jobs', jobId, 'attempts')).sort();

describe('a job in its child', () => {
  test('reports its start, its progress and its outcome, and leaves result.json beside its artifacts', async () => {
    await worker.fixture.start(worker.open);
    const job = jobOf(['work', 'work']);
    await worker.open.queue.enqueue(job);
    const ending = await worker.reports.ending(job.job_id);
    expect(ending).toMatchObject({ type: 'finished', attempt: 1, outcome: { status: 'succeeded' } });
    const all = worker.reports.ofJob(job.job_id);
    expect(all[0]).toEqual({ job_id: job.job_id, attempt: 1, type: 'started' });
    expect(all.filter(({ type }) => type === 'progress').at(-1)).toMatchObject({ phase: 'pruning', progress: 1 });
    const folder = join(worker.fixture.dataDir, 'jobs', job.job_id, 'attempts', '1');
    expect(readdirSync(folder).sort()).toEqual(['model.bin', 'result.json']);
    expect(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))).toMatchObject({ status: 'succeeded' });
  });

  test('reports at most twice a second, and the last progress always', async () => {
    await worker.fixture.start(worker.open);
    const job = jobOf(['many-reports']);
    const started = Date.now();
    await worker.open.queue.enqueue(job);
    await worker.reports.ending(job.job_id);
    const progress = worker.reports.ofJob(job.job_id).filter(({ type }) => type === 'progress');
    // 2,000 are sent; batches are half a second apart, and each keeps what lies between two metrics only.
    expect(progress.length).toBeLessThan(60 + 4 * Math.ceil((Date.now() - started) / 500));
    expect(progress.at(-1)).toMatchObject({ progress: 1 });
    expect(worker.reports.ofJob(job.job_id).filter(({ type }) => type === 'metric')).toHaveLength(20);
    expect(worker.reports.ofJob(job.job_id)).toContainEqual(
      expect.objectContaining({ type: 'log', message: 'loss is NaN' }),
    );
  });

  test('prints into the log, with its id', async () => {
    await worker.fixture.start(worker.open);
    const job = jobOf(['print']);
    await worker.open.queue.enqueue(job);
    await worker.reports.ending(job.job_id);
    for (const stream of ['stdout', 'stderr']) {
      const line = { stream, msg: `a line on ${stream}`, job_id: job.job_id, attempt: 1 };
      expect(worker.fixture.logged).toContainEqual(expect.objectContaining(line));
    }
  });

  test('knows what its uploads may unpack to', async () => {
    const archive = { unpackedBytes: 1000, compressionRatio: 3, entries: 2 };
    const datasetArchive = { ...archive, entries: 20 };
    await worker.fixture.start(worker.open, { limits: { archive, datasetArchive } });
    const job = jobOf(['limits']);
    await worker.open.queue.enqueue(job);
    await worker.reports.ending(job.job_id);
    expect(worker.reports.ofJob(job.job_id)).toContainEqual(
      expect.objectContaining({ message: 'limits', fields: { archive, datasetArchive } }),
    );
  });

  test('fails with its code and phase, and is not tried again', async () => {
    await worker.fixture.start(worker.open);
    const job = jobOf(['fail']);
    await worker.open.queue.enqueue(job);
    const error = { code: 'LAYER_UNSUPPORTED', message: 'layer "x" is odd', phase: 'pruning', retryable: false };
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ type: 'failed', attempt: 1, error });
    expect(attemptsOf(job.job_id)).toEqual(['1']);
  });

  test('whose engine fails says what failed, in a code of its own', async () => {
    await worker.fixture.start(worker.open);
    const job = jobOf(['look-up']);
    await worker.open.queue.enqueue(job);
    expect(await worker.reports.ending(job.job_id)).toMatchObject({
      error: { code: 'INDEX_OUT_OF_RANGE', message: expect.stringMatching(/(index|idx).*embedding/), phase: 'pruning' },
    });
  });

  test('is queued after one that has the same worker, and starts when that one ends', async () => {
    await worker.fixture.start(worker.open);
    const [first, second] = [jobOf(['work']), jobOf(['work'])];
    await worker.open.queue.enqueue(first);
    await worker.open.queue.enqueue(second);
    await worker.reports.ending(second.job_id);
    const order = worker.reports.all.filter(({ type }) => type === 'started' || type === 'finished');
    expect(order.map(({ job_id, type }) => [job_id, type])).toEqual([
      [first.job_id, 'started'],
      [first.job_id, 'finished'],
      [second.job_id, 'started'],
      [second.job_id, 'finished'],
    ]);
  });
});

describe.each(['debug', 'warn', 'error'])('with LOG_LEVEL %s', (level) => {
  let quiet: Fixture;
  beforeEach(() => {
    quiet = createFixture(level);
  });
  afterEach(() => quiet.dispose());

  test('what has no code is an internal error, and the log has it with its stack and its cause', async () => {
    await quiet.start(worker.open);
    const job = jobOf(['throw']);
    await worker.open.queue.enqueue(job);
    const message = "something went wrong; the worker's log has it";
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ error: { code: 'INTERNAL', message } });
    const stack = expect.stringMatching(/Error: a bug\n.*stand-in-child(.|\n)*Error: its cause/);
    expect(quiet.logged).toContainEqual(
      expect.objectContaining({ level: 50, job_id: job.job_id, code: 'INTERNAL', stack }),
    );
  });

  test('what is the fault of the upload is no error of the log', async () => {
    await quiet.start(worker.open);
    const job = jobOf(['fail']);
    await worker.open.queue.enqueue(job);
    await worker.reports.ending(job.job_id);
    expect(quiet.logged.filter((line) => Number(line.level) >= 50)).toEqual([]);
  });

  test('a crash is in the log with the last words of its process', async () => {
    await quiet.start(worker.open);
    const job = jobOf(['exit-with-words']);
    await worker.open.queue.enqueue(job);
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ error: { code: 'WORKER_CRASHED' } });
    const stderr = expect.arrayContaining(['assertion of a library failed']);
    expect(quiet.logged).toContainEqual(expect.objectContaining({ level: 50, job_id: job.job_id, starts: 1, stderr }));
  });
});

describe('while no process can be had', () => {
  const { execPath } = process;
  beforeEach(() => {
    process.execPath = '/nowhere/node';
  });
  afterEach(() => {
    process.execPath = execPath;
  });

  test('a job waits, and is run once there is one; that counts as no start', async () => {
    await worker.fixture.start(worker.open);
    const job = jobOf(['exit']);
    await worker.open.queue.enqueue(job);
    await worker.reports.until(({ type }) => type === 'waiting');
    expect(worker.reports.ofJob(job.job_id)).toContainEqual(
      expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringMatching(/could not be started.*waits/) }),
    );
    process.execPath = execPath;
    // Three starts of its own, after the one that was none.
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ attempt: 4, error: { code: 'WORKER_CRASHED' } });
  });

  test('an upload is not read, and may come again', async () => {
    await worker.fixture.start(worker.open);
    const answer = worker.open.queue.inspect('model', { blob: 'b', name: 'good.zip', sha256: '0' });
    const message = expect.stringMatching(/^good\.zip could not be read: it could not be started.*try again$/);
    await expect(answer).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true, message });
  });
});

test('a job whose folder can not be made fails at once, and the log says why', async () => {
  await worker.fixture.start(worker.open);
  const job = jobOf(['work']);
  mkdirSync(join(worker.fixture.dataDir, 'jobs'), { recursive: true });
  writeFileSync(join(worker.fixture.dataDir, 'jobs', job.job_id), 'a file in the place of a folder');
  await worker.open.queue.enqueue(job);
  const message = "something went wrong; the worker's log has it";
  expect(await worker.reports.ending(job.job_id)).toMatchObject({ attempt: 1, error: { code: 'INTERNAL', message } });
  expect(worker.fixture.logged).toContainEqual(
    expect.objectContaining({ level: 50, job_id: job.job_id, err: expect.objectContaining({ code: 'ENOTDIR' }) }),
  );
});

describe('cancel', () => {
  test('of a running job lets it end by itself', async () => {
    await worker.fixture.start(worker.open);
    const job = jobOf(['work', 'hang']);
    await worker.open.queue.enqueue(job);
    await worker.reports.until(({ type }) => type === 'log');
    expect(await worker.open.queue.cancel(job.job_id)).toBe('signaled');
    expect(await worker.reports.ending(job.job_id)).toMatchObject({
      type: 'finished',
      outcome: { status: 'canceled' },
    });
    expect(attemptsOf(job.job_id)).toEqual(['1']);
  });

  test('of a job that does not listen kills it after the grace time', async () => {
    await worker.fixture.start(worker.open, { children: { cancelGraceMs: 300 } });
    const job = jobOf(['block']);
    await worker.open.queue.enqueue(job);
    await worker.reports.until(({ type }) => type === 'log');
    expect(await worker.open.queue.cancel(job.job_id)).toBe('signaled');
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ outcome: { status: 'canceled', result: null } });
  });
});

describe('limits', () => {
  test('a job that holds too much memory is killed and not tried again', async () => {
    await worker.fixture.start(worker.open, { limits: { jobMemoryBytes: 250 * 2 ** 20 } });
    const job = jobOf(['work', 'allocate']);
    await worker.open.queue.enqueue(job);
    const ending = await worker.reports.ending(job.job_id);
    expect(ending).toMatchObject({ attempt: 1, error: { code: 'OUT_OF_MEMORY', phase: 'pruning', retryable: false } });
    expect(ending.type === 'failed' && ending.error.message).toMatch(/MiB of memory and may have 250 MiB/);
    const line = { level: 50, job_id: job.job_id, code: 'OUT_OF_MEMORY' };
    expect(worker.fixture.logged).toContainEqual(expect.objectContaining(line));
  });

  test('a job that runs too long is killed and not tried again', async () => {
    await worker.fixture.start(worker.open, { limits: { jobDeadlineMs: 1500 } });
    const job = jobOf(['block']);
    await worker.open.queue.enqueue(job);
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ attempt: 1, error: { code: 'DEADLINE_EXCEEDED' } });
  });
});

test('the deadline is that of the job: what earlier attempts took counts', async () => {
  const first = await worker.fixture.start(worker.open);
  const job = jobOf(['hang']);
  await worker.open.queue.enqueue(job);
  await worker.reports.until(({ type }) => type === 'log');
  await new Promise((resolve) => setTimeout(resolve, 500));
  await first.close();
  await worker.fixture.start(worker.open, { limits: { jobDeadlineMs: 500 } });
  expect(await worker.reports.ending(job.job_id)).toMatchObject({ attempt: 2, error: { code: 'DEADLINE_EXCEEDED' } });
  expect(worker.fixture.logged.filter(({ msg }) => msg === 'job started')).toHaveLength(1);
});

describe('stopping a worker', () => {
  test('gives the job back; the next worker resumes it under a new attempt', async () => {
    const first = await worker.fixture.start(worker.open);
    const job = jobOf(['work', 'hang']);
    await worker.open.queue.enqueue(job);
    await worker.reports.until(({ type }) => type === 'log');
    await first.close();
    expect(existsSync(join(worker.fixture.dataDir, 'jobs', job.job_id, 'attempts', '1', 'result.json'))).toBe(false);
    const hangsAgain = worker.reports.until(({ type, attempt }) => type === 'log' && attempt === 2);
    await worker.fixture.start(worker.open);
    await hangsAgain;
    await worker.open.queue.cancel(job.job_id);
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ attempt: 2, outcome: { status: 'canceled' } });
  });

  test('a result that was written but never reported is reported, and not worked for again', async () => {
    const first = await worker.fixture.start(worker.open);
    const job = jobOf(['work']);
    await worker.open.queue.enqueue(job);
    await worker.reports.ending(job.job_id);
    await first.close();
    // As after a Redis that came back empty: the queue knows nothing, the folder knows all.
    await worker.open.queue.forget(job.job_id);
    const before = worker.reports.all.length;
    await worker.fixture.start(worker.open);
    await worker.open.queue.enqueue(job);
    await worker.reports.until((report) => worker.reports.all.indexOf(report) >= before);
    expect(worker.reports.all.slice(before)).toEqual([expect.objectContaining({ type: 'finished', attempt: 1 })]);
    expect(attemptsOf(job.job_id)).toEqual(['1']);
  });
});
