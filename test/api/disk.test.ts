import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OUTCOME } from '../jobs/samples.js';
import { expectProblem, file, type Harness, multipart, openHarness } from './harness.js';

let h: Harness;
let fault: string | undefined;
/** What was kept for the record. */
let kept: boolean;

beforeEach(async () => {
  fault = undefined;
  kept = true;
  const release = async () => {
    const had = kept;
    kept = false;
    return had;
  };
  h = await openHarness({ disk: { findFault: async () => fault, release } });
});
afterEach(() => h.close());

const upload = () => h.app.inject({ method: 'POST', url: '/models', ...multipart([file('m')]) });
const start = (model: string) => h.app.inject({ method: 'POST', url: '/jobs', payload: { model } });
const get = async (id: string) => (await h.app.inject(`/jobs/${id}`)).json();
const FULL = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });

test('a full disk takes nothing new, and readiness says so', async () => {
  const { id } = (await upload()).json();
  fault = 'the disk of DATA_DIR is full: 3 MiB are left';
  for (const answer of [await upload(), await start(id)]) {
    expect(expectProblem(answer, 'DISK_FULL').detail).toBe(fault);
    expect(answer.headers['retry-after']).toBe('5');
  }
  expect(expectProblem(await h.app.inject('/readyz'), 'UNAVAILABLE').detail).toBe(fault);
  expect(h.queue.enqueued).toEqual([]);
  fault = undefined;
  expect((await start(id)).statusCode).toBe(202);
});

test('a job whose run found no room is queued with a warning, until its next run', async () => {
  const { id } = (await start((await upload()).json().id)).json();
  await h.report({ job_id: id, attempt: 1, type: 'started' });
  await h.report({ job_id: id, attempt: 1, type: 'waiting', code: 'DISK_FULL', message: 'no room' });
  expect(await get(id)).toMatchObject({ status: 'queued', warnings: [{ code: 'DISK_FULL', message: 'no room' }] });
  await h.report({ job_id: id, attempt: 2, type: 'started' });
  expect(await get(id)).toMatchObject({ status: 'running', warnings: [] });
  await h.report({ job_id: id, attempt: 2, type: 'finished', outcome: OUTCOME });
  expect(await get(id)).toMatchObject({ status: 'succeeded' });
});

test('the record is told of it with the room that was kept, and anew where even that is used up', async () => {
  const { id } = (await start((await upload()).json().id)).json();
  const updates = vi.spyOn(h.store, 'updateJob').mockRejectedValueOnce(FULL);
  await h.report({ job_id: id, attempt: 1, type: 'waiting', code: 'DISK_FULL', message: 'no room' });
  expect(kept).toBe(false);
  expect(updates).toHaveBeenCalledTimes(2);
  expect(await get(id)).toMatchObject({ status: 'queued', warnings: [{ code: 'DISK_FULL' }] });
  updates.mockRejectedValueOnce(FULL);
  await h.report({ job_id: id, attempt: 2, type: 'finished', outcome: OUTCOME });
  expect(await get(id)).toMatchObject({ status: 'succeeded' });
});
