import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { WorkerEvent } from '../../src/jobs/messages.js';
import { ReportBatcher } from '../../workers/report-batcher.js';

const progress = (value: number): WorkerEvent => ({ type: 'progress', phase: 'pruning', progress: value });
const log = (message: string): WorkerEvent => ({ type: 'log', message });

let batches: WorkerEvent[][];
const collect = async (events: readonly WorkerEvent[]) => void batches.push([...events]);
const fail = (error: Error) => {
  throw error;
};

beforeEach(() => {
  batches = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test('the first event goes out at once, later ones twice a second', async () => {
  const batcher = new ReportBatcher(collect, fail);
  batcher.push(log('a'));
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toEqual([[log('a')]]);
  batcher.push(log('b'));
  batcher.push(log('c'));
  await vi.advanceTimersByTimeAsync(499);
  expect(batches).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(batches[1]).toEqual([log('b'), log('c')]);
});

test('of progress in a row the newest stays, and the order among other events is kept', async () => {
  const batcher = new ReportBatcher(collect, fail);
  for (const event of [progress(0.1), progress(0.2), log('a'), progress(0.3), progress(0.4)]) batcher.push(event);
  await batcher.flush();
  expect(batches).toEqual([[progress(0.2), log('a'), progress(0.4)]]);
});

test('flush waits for a batch that is on its way, and sends what came meanwhile', async () => {
  let arrive: () => void = () => {};
  const slow = (events: readonly WorkerEvent[]) => {
    batches.push([...events]);
    return new Promise<void>((resolve) => {
      arrive = resolve;
    });
  };
  const batcher = new ReportBatcher(slow, fail);
  batcher.push(log('a'));
  const first = batcher.flush();
  await vi.advanceTimersByTimeAsync(0);
  batcher.push(log('b'));
  const second = batcher.flush();
  arrive();
  await first;
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toEqual([[log('a')], [log('b')]]);
  arrive();
  await second;
});

test('a batch that can not be sent is told to onError, and the next one is sent', async () => {
  const errors: Error[] = [];
  let broken = true;
  const send = async (events: readonly WorkerEvent[]) => {
    if (broken) throw new Error('away');
    await collect(events);
  };
  const batcher = new ReportBatcher(send, (error) => errors.push(error));
  batcher.push(log('a'));
  await batcher.flush();
  broken = false;
  batcher.push(log('b'));
  await batcher.flush();
  expect(errors.map(({ message }) => message)).toEqual(['away']);
  expect(batches).toEqual([[log('b')]]);
});

test('while nothing can be sent no more than a thousand events are kept, the newest', async () => {
  const batcher = new ReportBatcher(collect, fail);
  for (let i = 0; i < 1500; i++) batcher.push(log(String(i)));
  await batcher.flush();
  expect(batches[0]).toHaveLength(1000);
  expect(batches[0].at(-1)).toEqual(log('1499'));
});

test('nor more than a megabyte of them', async () => {
  const batcher = new ReportBatcher(collect, fail);
  batcher.push(progress(0.1));
  for (let i = 0; i < 200; i++) batcher.push(log(`${i}`.padEnd(16_000, 'x')));
  await batcher.flush();
  expect(JSON.stringify(batches[0]).length).toBeLessThan(2 ** 20 + 1000);
  expect(batches[0].at(-1)).toEqual(log('199'.padEnd(16_000, 'x')));
  // What was sent counts no more.
  batcher.push(log('short'));
  await batcher.flush();
  expect(batches[1]).toEqual([log('short')]);
});
