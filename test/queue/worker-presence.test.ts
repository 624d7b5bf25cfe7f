import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BEAT_MS, SILENCE_MS, WorkerPresence } from '../../src/queue/worker-presence.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

/** Whether the watch has found that no worker is there. */
function watched(presence: WorkerPresence): () => boolean {
  let absent = false;
  presence.watch('the model could not be inspected').absent.catch(() => {
    absent = true;
  });
  return () => absent;
}

test('a worker that was not heard for a while is absent', async () => {
  const presence = new WorkerPresence();
  const absent = watched(presence);
  await vi.advanceTimersByTimeAsync(BEAT_MS);
  presence.heard();
  await vi.advanceTimersByTimeAsync(SILENCE_MS - 1);
  expect(absent()).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(absent()).toBe(true);
});

test('while nothing can be heard, silence says nothing of workers', async () => {
  let canHear = false;
  const presence = new WorkerPresence(() => canHear);
  const absent = watched(presence);
  await vi.advanceTimersByTimeAsync(3 * SILENCE_MS);
  expect(absent()).toBe(false);
  canHear = true;
  await vi.advanceTimersByTimeAsync(2 * SILENCE_MS);
  expect(absent()).toBe(true);
});
