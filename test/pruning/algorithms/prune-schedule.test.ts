import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PruneSchedule } from '../../../src/pruning/algorithms/prune-schedule.js';
import { describeShared } from '../../shared.js';

interface ScheduleCase {
  target: number;
  supernet: number;
  step_freq: number;
  prune_times: number;
  linear_schedule: boolean;
  events: { iter: number; choice: number }[];
}

describeShared('the schedule equals the original', 'goldens/mmrazor/algorithms/ite_schedule.json', (file) => {
  test('prune times and choices', () => {
    const cases: ScheduleCase[] = JSON.parse(readFileSync(file, 'utf8'));
    expect(cases.length).toBeGreaterThan(50);
    for (const golden of cases) {
      const whole = Number.isInteger(golden.supernet) && golden.supernet > 1;
      const schedule = new PruneSchedule({
        stepFreq: golden.step_freq,
        pruneTimes: golden.prune_times,
        linear: golden.linear_schedule,
        supernet: { u: golden.supernet },
        target: { u: golden.target },
        isNumber: () => whole,
      });
      const events: { iter: number; choice: number }[] = [];
      for (let i = 0; i <= 300; i++)
        if (schedule.isPruneTime(i)) events.push({ iter: i, choice: schedule.pruneAt(i).u });
      const label = JSON.stringify({ ...golden, events: undefined });
      expect(
        events.map((e) => e.iter),
        label,
      ).toEqual(golden.events.map((e) => e.iter));
      // The last step is the target exactly; the original's may be an ulp off (0.19999999999999996 for 0.2).
      for (const [i, event] of events.entries()) expect(event.choice, label).toBeCloseTo(golden.events[i].choice, 14);
      if (events.length > 0) expect(events.at(-1)?.choice, label).toBe(golden.target);
    }
  });
});

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
