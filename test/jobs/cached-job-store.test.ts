import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { cacheJobs } from '../../src/jobs/cached-job-store.js';
import { type Job, type JobChange, type JobSummary, writtenJob } from '../../src/jobs/job.js';
import type { JobStore } from '../../src/jobs/job-store.js';
import { openSqliteJobStore } from '../../src/jobs/sql-job-store.js';
import { gate } from '../contracts/reports.js';
import { jobStoreContract } from './job-store.contract.js';
import { newJob } from './samples.js';

jobStoreContract('SQLite with the last jobs in memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const store = cacheJobs(await openSqliteJobStore(join(folder, 'record.db')));
  return {
    store,
    close: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});

test('what the store says of itself is as new as the store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const store = await openSqliteJobStore(join(folder, 'record.db'));
  const cached = cacheJobs(store);
  await store.adoptFiles('2026-01-01T00:00:00.000Z');
  expect(cached.adoptedAt).toBe('2026-01-01T00:00:00.000Z');
  await store.close();
  await rm(folder, { recursive: true });
});

/** A store of one job that counts how often it is read. */
function storeOf(job: Job) {
  const state = { job: job as Job | undefined, reads: 0, beforeAnswer: async () => {} };
  const store = {
    findWrittenJob: async () => {
      state.reads += 1;
      const found = state.job && writtenJob(state.job);
      await state.beforeAnswer();
      return found;
    },
    updateJob: async (_id: string, change: (job: JobSummary) => JobChange | undefined) => {
      const changed = state.job && change(writtenJob(state.job).job)?.job;
      if (changed) state.job = { ...state.job!, ...changed };
      return changed;
    },
    removeJob: async () => {
      state.job = undefined;
    },
  } as unknown as JobStore;
  return { state, store: cacheJobs(store) };
}

const JOB = newJob('mdl_1');
const progress = (value: number) => (job: JobSummary) => ({ job: { ...job, progress: value } });

test('a job is read once, changed in place and gone when it is removed', async () => {
  const { state, store } = storeOf(JOB);
  for (let i = 0; i < 3; i++) expect(await store.findWrittenJob(JOB.id)).toEqual(writtenJob(JOB));
  await store.updateJob(JOB.id, progress(0.5));
  expect((await store.findWrittenJob(JOB.id))?.job.progress).toBe(0.5);
  expect(state.reads).toBe(1);
  await store.removeJob(JOB.id);
  expect(await store.findWrittenJob(JOB.id)).toBeUndefined();
});

test('what was read while a change came is not kept', async () => {
  const { state, store } = storeOf(JOB);
  const held = gate();
  state.beforeAnswer = () => held.passed;
  const reading = store.findWrittenJob(JOB.id);
  await vi.waitFor(() => expect(state.reads).toBe(1));
  await store.updateJob(JOB.id, progress(0.5));
  await store.removeJob(JOB.id);
  held.open();
  expect((await reading)?.job.progress).toBe(0);
  expect(await store.findWrittenJob(JOB.id)).toBeUndefined();
});

test('after a change that failed the record is asked again', async () => {
  const { state, store } = storeOf(JOB);
  await store.findWrittenJob(JOB.id);
  const fault = new Error('the disk');
  await expect(
    store.updateJob(JOB.id, () => {
      state.job = { ...JOB, progress: 0.7 };
      throw fault;
    }),
  ).rejects.toBe(fault);
  expect((await store.findWrittenJob(JOB.id))?.job.progress).toBe(0.7);
});

test('a long job is read once, however many ask for it at once, and many do not add up', async () => {
  const { state, store } = storeOf(newJob('mdl_1', { requestId: 'x'.repeat(2 ** 20) }));
  const asked = Array.from({ length: 50 }, () => store.findWrittenJob(state.job!.id));
  const all = [...(await Promise.all(asked)), await store.findWrittenJob(state.job!.id)];
  expect(new Set(all).size).toBe(1);
  expect(state.reads).toBe(1);

  const first = storeOf(newJob('mdl_1', { id: 'job_first' }));
  await first.store.findWrittenJob('job_first');
  for (let i = 0; i < 20; i++) {
    first.state.job = newJob('mdl_1', { id: `job_${i}`, requestId: 'x'.repeat(2 ** 20) });
    await first.store.findWrittenJob(`job_${i}`);
  }
  first.state.reads = 0;
  await first.store.findWrittenJob('job_first');
  await first.store.findWrittenJob('job_19');
  expect(first.state.reads).toBe(1);
});

test('who asks after a change does not get what was being read before it', async () => {
  const { state, store } = storeOf(JOB);
  const held = gate();
  state.beforeAnswer = () => held.passed;
  const before = store.findWrittenJob(JOB.id);
  await vi.waitFor(() => expect(state.reads).toBe(1));
  await store.updateJob(JOB.id, progress(0.5));
  const after = store.findWrittenJob(JOB.id);
  held.open();
  expect((await before)?.job.progress).toBe(0);
  expect((await after)?.job.progress).toBe(0.5);
});
