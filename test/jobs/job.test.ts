import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyReport, cancelIdle, isFinished, type Job } from '../../src/jobs/job.js';
import type { WorkerEvent, WorkerReport } from '../../src/jobs/messages.js';
import { newJob, OUTCOME } from './samples.js';

const NOW = '2026-01-01T00:00:00.000Z';
const report = (attempt: number, event: WorkerEvent): WorkerReport => ({ job_id: 'job_x', attempt, ...event });
const apply = (job: Job, attempt: number, event: WorkerEvent): Job | undefined => {
  const change = applyReport(job, report(attempt, event), NOW);
  return change && { ...job, ...change.job };
};
const failure = { code: 'OUT_OF_MEMORY', message: 'too much', phase: 'finetuning', retryable: false } as const;

test('queued → running → succeeded', () => {
  const running = apply(newJob('mdl_x'), 1, { type: 'started' })!;
  expect(running).toMatchObject({ status: 'running', attempt: 1, startedAt: NOW });
  const half = apply(running, 1, { type: 'progress', phase: 'finetuning', progress: 0.5 })!;
  expect(half).toMatchObject({ phase: 'finetuning', progress: 0.5 });
  const change = applyReport(half, report(1, { type: 'finished', outcome: OUTCOME }), NOW)!;
  expect(change.job).toMatchObject({ status: 'succeeded', progress: 1, finishedAt: NOW, result: OUTCOME.result });
  expect(change.artifacts).toEqual(OUTCOME.artifacts);
});

test('a failed job says why', () => {
  const job = apply(newJob('mdl_x'), 1, { type: 'failed', error: failure })!;
  expect(job).toMatchObject({ status: 'failed', error: failure, result: null });
});

test('reports of an older attempt are dropped, those of a newer one make it current', () => {
  const job = newJob('mdl_x', { status: 'running', attempt: 2, warnings: [{ code: 'W', message: 'old' }] });
  expect(apply(job, 1, { type: 'finished', outcome: OUTCOME })).toBeUndefined();
  expect(apply(job, 3, { type: 'metric', name: 'loss', value: 1 })).toMatchObject({ attempt: 3, warnings: [] });
});

test('what changes nothing writes nothing', () => {
  const job = newJob('mdl_x', { status: 'running', attempt: 1 });
  expect(apply(job, 1, { type: 'started' })).toBeUndefined();
  expect(apply(job, 1, { type: 'log', message: 'hello' })).toBeUndefined();
});

const event: fc.Arbitrary<WorkerEvent> = fc.oneof(
  fc.constant({ type: 'started' as const }),
  fc.record({
    type: fc.constant('progress' as const),
    phase: fc.constantFrom('loading' as const, 'finetuning' as const),
    progress: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({ type: fc.constant('warning' as const), code: fc.constant('W'), message: fc.string() }),
  fc.record({
    type: fc.constant('finished' as const),
    outcome: fc.constantFrom(OUTCOME, { ...OUTCOME, status: 'canceled' as const }),
  }),
  fc.constant({ type: 'failed' as const, error: failure }),
);

test('property: whatever comes, attempts and progress never go back and nothing leads out of a final state', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), event), { maxLength: 30 }), (reports) => {
      let job = newJob('mdl_x');
      for (const [attempt, e] of reports) {
        const next = apply(job, attempt, e);
        if (isFinished(job)) expect(next).toBeUndefined();
        if (!next) continue;
        expect(next.attempt).toBeGreaterThanOrEqual(job.attempt);
        expect(next.progress).toBeGreaterThanOrEqual(job.progress);
        expect(next.status).not.toBe('queued');
        expect(next.finishedAt !== null).toBe(isFinished(next));
        job = next;
      }
    }),
  );
});

test('canceling a job that nobody runs ends it; a finished one stays as it is', () => {
  expect(cancelIdle(newJob('mdl_x'), NOW)?.job).toMatchObject({ status: 'canceled', finishedAt: NOW });
  expect(cancelIdle(newJob('mdl_x', { status: 'succeeded' }), NOW)).toBeUndefined();
});
