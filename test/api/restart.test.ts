import { afterEach, expect, test } from 'vitest';
import { EspalierError } from '../../src/errors.js';
import { file, type Harness, multipart, openHarness } from './harness.js';

let h: Harness;
afterEach(() => h.close());

async function restart(): Promise<void> {
  await h.stop();
  h = await openHarness({ dataDir: h.dataDir });
}

async function start(): Promise<string> {
  const parts = multipart([file(`model ${Math.random()}`, 'm.zip', 'model')]);
  return (await h.app.inject({ method: 'POST', url: '/jobs', ...parts })).json().id;
}

const get = async (id: string) => (await h.app.inject(`/jobs/${id}`)).json();

test('unfinished jobs are queued again, oldest first, a started one as its next attempt', async () => {
  h = await openHarness();
  const [running, finished, queued] = [await start(), await start(), await start()];
  await h.report({ job_id: running, attempt: 1, type: 'started' });
  await h.finish(finished);
  const before = await get(finished);
  await restart();
  expect(await h.jobs.requeueUnfinished()).toBe(2);
  expect(h.queue.enqueued.map((m) => [m.job_id, m.attempt])).toEqual([
    [running, 2],
    [queued, 1],
  ]);
  expect(await get(finished)).toEqual(before);
  expect((await h.app.inject(`/jobs/${finished}/model`)).body).toBe('0123456789');
});

test('a job whose cancel was under way ends canceled, it does not run again', async () => {
  h = await openHarness();
  const id = await start();
  await h.report({ job_id: id, attempt: 1, type: 'started' });
  h.queue.cancelAnswer = 'signaled';
  await h.app.inject({ method: 'POST', url: `/jobs/${id}/cancel` });
  await restart();
  h.queue.cancelAnswer = 'unknown';
  await h.jobs.requeueUnfinished();
  expect(h.queue.enqueued).toEqual([]);
  expect(await get(id)).toMatchObject({ status: 'canceled' });
});

test('with the queue away, queueing again is tried until the service stops', async () => {
  h = await openHarness();
  await start();
  await restart();
  h.queue.enqueueError = new EspalierError('UNAVAILABLE', 'no connection');
  const trying = h.jobs.requeueUnfinished();
  await expect.poll(() => h.logged.some((l) => l.msg === 'the queue is away; trying again')).toBe(true);
  h.jobs.endWaits();
  expect(await trying).toBe(1);
  expect(h.queue.enqueued).toEqual([]);
});
