/** `ite_schedule.json`, row by row. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PruneSchedule } from '../../../src/pruning/index.js';
import { describeShared } from '../../shared.js';

interface Row {
  target: number;
  supernet: number;
  step_freq: number;
  prune_times: number;
  linear_schedule: boolean;
  delta: { u: number };
  events: { iter: number; choice: number }[];
}

/** The original's last step may be an ulp off the target (0.19999999999999996 for 0.2); ours is the target. */
const ULPS = 4;

describeShared('the schedule, row by row', 'goldens/mmrazor/algorithms/ite_schedule.json', (file) => {
  test('ite_schedule.json: every row equal; `delta`, which the original never reads, is left out', () => {
    const rows: Row[] = JSON.parse(readFileSync(file, 'utf8'));
    expect(rows).toHaveLength(180);
    for (const row of rows) {
      const label = JSON.stringify({ ...row, events: undefined });
      const whole = row.supernet > 1;
      const schedule = new PruneSchedule({
        stepFreq: row.step_freq,
        pruneTimes: row.prune_times,
        linear: row.linear_schedule,
        supernet: { u: row.supernet },
        target: { u: row.target },
        isNumber: () => whole,
      });
      const last = row.events.at(-1)?.iter ?? 0;
      const events = [];
      for (let iter = 0; iter <= 2 * last + row.step_freq; iter++) {
        if (schedule.isPruneTime(iter)) events.push({ iter, choice: schedule.pruneAt(iter).u });
      }
      expect(
        events.map(({ iter }) => iter),
        label,
      ).toEqual(row.events.map(({ iter }) => iter));
      events.forEach(({ choice }, i) => {
        expect(Math.abs(choice - row.events[i].choice), label).toBeLessThanOrEqual(ULPS * Number.EPSILON);
      });
    }
  });
});
