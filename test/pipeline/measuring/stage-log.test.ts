import { expect, test } from 'vitest';
import { type Score, UNMEASURED } from '../../../src/pipeline/measuring/score.js';
import { StageLog } from '../../../src/pipeline/measuring/stage-log.js';

const scoreOf = (accuracy: number): Score => ({ ...UNMEASURED, accuracy, samples: 10 });

function openLog() {
  const clock = { ms: 0 };
  return { clock, log: new StageLog(() => clock.ms) };
}

test('rows stand in the order of the steps, each with the seconds since the one before', () => {
  const { clock, log } = openLog();
  clock.ms = 1500;
  log.add('original', scoreOf(0.9));
  clock.ms = 1750;
  log.add('pruned', scoreOf(0.2));
  clock.ms = 4750;
  log.add('recovered', scoreOf(0.8));
  expect(log.rows.map(({ stage, accuracy, seconds }) => [stage, accuracy, seconds])).toEqual([
    ['original', 0.9, 1.5],
    ['pruned', 0.2, 0.25],
    ['recovered', 0.8, 3],
  ]);
});

test('a step that is taken again has one row, without what came after it; no second is lost', () => {
  const { clock, log } = openLog();
  log.add('original', scoreOf(0.9));
  clock.ms = 1000;
  log.add('pruned', scoreOf(0.6));
  clock.ms = 3000;
  log.add('recovered', scoreOf(0.8));
  clock.ms = 3500;
  log.add('pruned', scoreOf(0.3));
  expect(log.rows.map(({ stage, accuracy, seconds }) => [stage, accuracy, seconds])).toEqual([
    ['original', 0.9, 0],
    ['pruned', 0.3, 3.5],
  ]);
});

test('a row may be measured later, and has its seconds from when it was added', () => {
  const { clock, log } = openLog();
  log.add('original', scoreOf(0.9));
  clock.ms = 1000;
  log.add('pruned');
  clock.ms = 9000;
  log.measure('pruned', scoreOf(0.5));
  log.add('exported', scoreOf(0.5));
  expect(log.rows.slice(1)).toEqual([
    { stage: 'pruned', accuracy: 0.5, loss: null, agreement: null, samples: 10, interval: null, seconds: 1 },
    { stage: 'exported', accuracy: 0.5, loss: null, agreement: null, samples: 10, interval: null, seconds: 8 },
  ]);
});

test('resumed, it goes on with the rows and the seconds of the checkpoint, not with those of loading anew', () => {
  const first = openLog();
  first.log.add('original', scoreOf(0.9));
  first.log.add('pruned', scoreOf(0.5));
  first.clock.ms = 2000;
  const state = JSON.parse(JSON.stringify(first.log.state));
  const { clock, log } = openLog();
  clock.ms = 60_000;
  log.add('original', scoreOf(0.9));
  clock.ms = 70_000;
  log.restore(state);
  clock.ms = 71_000;
  log.add('finetuned', scoreOf(0.8));
  expect(log.rows.map(({ stage, seconds }) => [stage, seconds])).toEqual([
    ['original', 0],
    ['pruned', 0],
    ['finetuned', 3],
  ]);
});
