import { expect, test } from 'vitest';
import { threadsOfJob } from '../../workers/threads.js';

test.each<[string, number, number, number, number]>([
  ['one job has all cores, as the engine counts them', 0, 1, 16, 0],
  ['jobs side by side share them', 0, 4, 16, 4],
  ['what does not divide evenly is left over', 0, 3, 16, 5],
  ['every job has at least one', 0, 8, 2, 1],
  ['what THREADS says holds', 6, 4, 16, 6],
])('%s', (_name, threads, workerConcurrency, cores, expected) => {
  expect(threadsOfJob({ threads, workerConcurrency }, cores)).toBe(expected);
});
