/** `ite_schedule.json`, row by row. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { IteAlgorithm, PruneSchedule, type Trainer } from '../../../src/pruning/index.js';
import { describeShared } from '../../shared.js';
import { faultOf } from '../../support/fault-of.js';
import { GraphSketch } from '../../support/graph-sketch.js';

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
const ULP = 2 ** -54;

/** In the original's order, which floating point numbers remember. */
const last = (row: Row) => row.events[row.events.length - 1];

/** A network whose one unit has 20 channels, so that every choice of the file is a number of them; set to the supernet's. */
function algorithmOf(row: Row): IteAlgorithm {
  const s = new GraphSketch();
  const graph = s.build(s.conv('out', s.conv('a', s.input('x', 3, 4, 4), 20), 2));
  const choice_mode = row.supernet > 1 ? ('number' as const) : ('ratio' as const);
  const units = { [UNIT]: { choice: row.supernet } };
  return new IteAlgorithm(graph, {
    mutator_cfg: { type: 'ChannelMutator', channel_unit_cfg: { default_args: { choice_mode }, units } },
    target_pruning_ratio: { [UNIT]: row.target },
    step_freq: row.step_freq,
    prune_times: row.prune_times,
    linear_schedule: row.linear_schedule,
  });
}

const UNIT = 'a_(0, 20)_20';

/** Runs an algorithm, and gives what it asked of the mutator, and when. */
async function eventsOf(algorithm: IteAlgorithm, epochs: number, iterationsPerEpoch: number) {
  const events: Row['events'] = [];
  const trainer: Trainer = {
    iterationsPerEpoch,
    fullWeights: async () => algorithm.mutator.weights,
    prune: async ({ iteration, choices }) => {
      events.push({ iter: iteration, choice: choices[UNIT].choice });
    },
    train: async () => {},
  };
  await algorithm.run(trainer, { epochs });
  return events;
}

describeShared('the schedule, row by row', 'goldens/mmrazor/algorithms/ite_schedule.json', (file) => {
  const rows: Row[] = JSON.parse(readFileSync(file, 'utf8'));

  /** `delta`, which the original never reads, is left out. */
  function expectEvents(found: Row['events'], row: Row, iterationsPerStep = 1): void {
    const label = JSON.stringify({ ...row, events: undefined });
    const expected = row.events.map(({ iter, choice }) => ({ iter: iter * iterationsPerStep, choice }));
    const end = expected.length - 1;
    expect(found.slice(0, end), label).toEqual(expected.slice(0, end));
    expect(found.slice(end), label).toEqual([{ iter: expected[end].iter, choice: row.target }]);
    expect(Math.abs(last(row).choice - row.target), label).toBeLessThanOrEqual(ULP);
  }

  test('ite_schedule.json: every row equal', () => {
    expect(rows).toHaveLength(180);
    for (const row of rows) {
      const whole = row.supernet > 1;
      const schedule = new PruneSchedule({
        stepFreq: row.step_freq,
        pruneTimes: row.prune_times,
        linear: row.linear_schedule,
        supernet: { u: row.supernet },
        target: { u: row.target },
        isNumber: () => whole,
      });
      const events = [];
      for (let iter = 0; iter <= 2 * last(row).iter + row.step_freq; iter++) {
        if (schedule.isPruneTime(iter)) events.push({ iter, choice: schedule.pruneAt(iter).u });
      }
      expectEvents(events, row);
    }
  });

  test.each([
    ['iterations, with a single epoch', (row: Row) => [1, 2 * last(row).iter + row.step_freq, 1]],
    ['epochs of three iterations', (row: Row) => [Math.max(2, last(row).iter + row.step_freq), 3, 3]],
  ] as const)('the whole algorithm by %s: equal, and a coded error for a share of nothing', async (_name, lengths) => {
    const counts = { equal: 0, coded: 0 };
    for (const row of rows) {
      if (row.target === 0) {
        expect(faultOf(() => algorithmOf(row)).code).toBe('CONFIG_INVALID');
        counts.coded++;
        continue;
      }
      const [epochs, iterationsPerEpoch, iterationsPerStep] = lengths(row);
      expectEvents(await eventsOf(algorithmOf(row), epochs, iterationsPerEpoch), row, iterationsPerStep);
      counts.equal++;
    }
    expect(counts).toEqual({ equal: 150, coded: 30 });
  });
});
