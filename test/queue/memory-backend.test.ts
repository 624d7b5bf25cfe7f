import { withBackend } from 'bullmq';
import { afterEach, expect, test } from 'vitest';
import { createMemoryBackend, MemoryStore } from '../../src/queue/memory/memory-backend.js';

const { Queue, Worker, QueueEvents } = withBackend(createMemoryBackend);
const open: { close(): Promise<unknown> }[] = [];
const store = new MemoryStore();
let queues = 0;

function newQueue() {
  const queue = new Queue(`q${queues++}`, { connection: store });
  open.push(queue);
  return queue;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

test('what it leaves out says so, and that Redis has it', async () => {
  const queue = newQueue();
  await expect(queue.add('x', {}, { delay: 100 })).rejects.toThrow(/does not support delays/);
  await expect(queue.add('x', {}, { priority: 3 })).rejects.toThrow(/does not support delays and priorities/);
  await expect(queue.upsertJobScheduler('s', { every: 1000 })).rejects.toThrow(/scheduler/);
  await expect(queue.obliterate()).rejects.toThrow(/obliterate; it needs Redis/);
});

test('counts, states and lists of jobs are those of the queue', async () => {
  const queue = newQueue();
  const jobs = await queue.addBulk(['a', 'b', 'c'].map((name) => ({ name, data: { name } })));
  expect(await queue.getJobCounts('waiting', 'active', 'completed')).toEqual({ waiting: 3, active: 0, completed: 0 });
  expect((await queue.getWaiting()).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  expect(await queue.remove(jobs[1].id ?? '')).toBe(1);
  expect(await queue.getJobState(jobs[1].id ?? '')).toBe('unknown');
  expect(await jobs[0].getState()).toBe('waiting');
});

test('a paused queue hands out nothing until it is resumed', async () => {
  const queue = newQueue();
  const events = new QueueEvents(queue.name, { connection: store });
  await queue.pause();
  const job = await queue.add('x', {});
  let ran = false;
  const run = async () => {
    ran = true;
  };
  const worker = new Worker(queue.name, run, { connection: store, drainDelay: 0.01 });
  open.push(events, worker);
  await new Promise((resolve) => worker.once('drained', () => resolve(undefined)));
  expect(ran).toBe(false);
  await queue.resume();
  await job.waitUntilFinished(events, 5000);
  expect(ran).toBe(true);
});

test('keeps as many finished jobs as it is told to', async () => {
  const queue = newQueue();
  const events = new QueueEvents(queue.name, { connection: store });
  const worker = new Worker(queue.name, async ({ data }) => data, { connection: store });
  open.push(events, worker);
  for (let i = 0; i < 5; i++) {
    const job = await queue.add('x', i, { removeOnComplete: { count: 2 } });
    expect(await job.waitUntilFinished(events, 5000)).toBe(i);
  }
  expect((await queue.getCompleted()).map(({ returnvalue }) => returnvalue)).toEqual([4, 3]);
});

test('several jobs at a time, each of them once', async () => {
  const queue = newQueue();
  const seen: number[] = [];
  let most = 0;
  let now = 0;
  const done = new Promise<void>((resolve) => {
    const worker = new Worker(
      queue.name,
      async ({ data }) => {
        most = Math.max(most, ++now);
        await new Promise((next) => setImmediate(next));
        now -= 1;
        seen.push(data);
        if (seen.length === 50) resolve();
      },
      { connection: store, concurrency: 4 },
    );
    open.push(worker);
  });
  await queue.addBulk(Array.from({ length: 50 }, (_, data) => ({ name: 'x', data })));
  await done;
  expect(new Set(seen).size).toBe(50);
  expect(most).toBe(4);
});

test('an event log has what came after an id, and wakes who waits for more', async () => {
  const queue = newQueue();
  const backend = queue.getBackend();
  const first = await backend.publishEvent({ event: 'one' });
  const waiting = backend.readEvents(first, 5000);
  const second = await backend.publishEvent({ event: 'two', n: 2 });
  expect(await waiting).toEqual([[queue.name, [[second, ['event', 'two', 'n', '2']]]]]);
  expect(await backend.readEvents(second, 1)).toBeNull();
});
