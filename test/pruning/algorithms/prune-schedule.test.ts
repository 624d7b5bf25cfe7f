import { expect, test } from 'vitest';
import { PruneSchedule } from '../../../src/pruning/algorithms/prune-schedule.js';

test('nextPruneTime walks the prune iterations', () => {
  const schedule = new PruneSchedule({
    stepFreq: 5,
    pruneTimes: 3,
    linear: true,
    supernet: { u: 1 },
    target: { u: 0.5 },
    isNumber: () => false,
  });
  expect(schedule.nextPruneTime(0)).toBe(5);
  expect(schedule.nextPruneTime(7)).toBe(10);
  expect(schedule.nextPruneTime(10)).toBeUndefined();
  expect(schedule.lastPruneIteration).toBe(10);
});
