/** Children that do not keep to the protocol: an attempt that failed, never a worker that did. */
import { describe, expect, test } from 'vitest';
import type { Step } from '../workers/stand-in-child.js';
import { jobOf, useWorker } from '../workers/worker-fixture.js';

const worker = useWorker();

const run = async (...steps: Step[]) => {
  const job = jobOf(steps);
  await worker.open.queue.enqueue(job);
  return { job, ending: await worker.reports.ending(job.job_id) };
};

describe('a child that sends', () => {
  test.each<[Step, RegExp]>([
    ['garbage', /does not keep to the protocol: a message is not JSON/],
    ['wrong-shape', /does not keep to the protocol: a message is not in the protocol/],
    ['endless-line', /does not keep to the protocol: a message has more than 16777216 bytes/],
    ['deep-message', /does not keep to the protocol: a message is nested deeper than 100 levels/],
    ['half-a-line', /it exited with code 0 and no result/],
    ['false-result', /it exited with code 1 and no result/],
  ])('%s has failed, and the worker goes on', async (step, why) => {
    await worker.fixture.start(worker.open);
    const { ending } = await run(step);
    expect(ending).toMatchObject({ type: 'failed', attempt: 3, error: { code: 'WORKER_CRASHED' } });
    expect(ending.type === 'failed' && ending.error.message).toMatch(why);
    expect((await run('work')).ending).toMatchObject({ type: 'finished', outcome: { status: 'succeeded' } });
  });
});

test('warnings of any length and number are clipped, and the job succeeds', async () => {
  await worker.fixture.start(worker.open);
  const { job, ending } = await run('long-warnings', 'long-fields');
  expect(ending).toMatchObject({ type: 'finished', outcome: { status: 'succeeded' } });
  const warnings = ending.type === 'finished' ? ending.outcome.warnings : [];
  expect([warnings.length, warnings[0].message.length]).toEqual([200, 2000]);
  const log = { type: 'log', fields: { left_out: 'fields of 100011 characters' } };
  expect(worker.reports.ofJob(job.job_id)).toContainEqual(expect.objectContaining(log));
});

test('a child that asks for more memory than there is ends with OUT_OF_MEMORY', async () => {
  await worker.fixture.start(worker.open);
  expect((await run('allocate-at-once')).ending).toMatchObject({ attempt: 1, error: { code: 'OUT_OF_MEMORY' } });
});
