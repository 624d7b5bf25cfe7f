import { describe, expect, test } from 'vitest';
import type { ModelMeasures, StageRow } from '../../../src/contract.js';
import { headlineOf } from '../../../src/pipeline/measuring/headline.js';
import { shareInterval } from '../../../src/pipeline/measuring/interval.js';
import { resultWarnings, sampleWarnings } from '../../../src/pipeline/measuring/verdict.js';

const row = (accuracy: number | null, agreement: number | null, samples = 5000, counted = true): StageRow => {
  const share = accuracy ?? (counted ? agreement : null);
  const interval = share === null ? null : shareInterval(share, samples)!;
  return { stage: 'exported', accuracy, loss: null, agreement, samples, interval, seconds: 1 };
};
const WITH_DATA = { hasData: true, trained: true };

describe('a drop', () => {
  const codes = (first: StageRow, last: StageRow) => resultWarnings([first, last], WITH_DATA).map(({ code }) => code);

  test('of more than one point of accuracy is warned of; one point is not', () => {
    expect(codes(row(0.8, 1), row(0.7898, 0.9))).toEqual(['ACCURACY_DROPPED']);
    // 0.8 - 0.79 is 0.010000000000000009 in doubles.
    expect(codes(row(0.8, 1), row(0.79, 0.9))).toEqual([]);
    expect(codes(row(0.8, 1), row(0.9, 0.5))).toEqual([]);
  });

  test('without labels, agreement below 99 % is warned of', () => {
    expect(codes(row(null, 1), row(null, 0.9898))).toEqual(['ACCURACY_DROPPED']);
    expect(codes(row(null, 1), row(null, 0.99))).toEqual([]);
  });

  test('is told with its samples and interval, and with what to do', () => {
    const [{ message }] = resultWarnings([row(0.8, 1), row(0.7, 0.9)], WITH_DATA);
    expect(message).toContain('from 80.0 % to 70.0 % (95 % interval 68.7 to 71.3, 5,000 samples)');
    expect(message).toContain('finetune.epochs');
    const untrained = resultWarnings([row(null, 1), row(null, 0.5, 100)], { hasData: true, trained: false });
    expect(untrained[0].message).toContain('on 50.0 % only (95 % interval 40.4 to 59.6, 100 samples)');
    expect(untrained[0].message).toContain('train it (finetune');
    const numbers = resultWarnings([row(null, 1), row(null, 0.9, 50, false)], WITH_DATA);
    expect(numbers[0].message).toContain("differ from the original's by 10.0 % (50 samples)");
  });
});

test('what nobody measured is said, with what to send', () => {
  const nothing = [row(null, null, 0), row(null, null, 0)];
  const [without] = resultWarnings(nothing, { hasData: false, trained: false });
  expect(without).toMatchObject({
    code: 'NOT_MEASURED',
    message: expect.stringContaining('send samples as `dataset`'),
  });
  const [incomparable] = resultWarnings(nothing, { hasData: true, trained: false });
  expect(incomparable).toMatchObject({ code: 'NOT_MEASURED', message: expect.stringContaining('`outputs`') });
});

test('fewer than 100 samples to measure by, or to learn from, are warned of in one warning', () => {
  expect(sampleWarnings({ measured: 100, learned: 100 })).toEqual([]);
  expect(sampleWarnings({ measured: 100 })).toEqual([]);
  expect(sampleWarnings({ measured: 0 })).toEqual([]);
  const [measured] = sampleWarnings({ measured: 99 });
  expect(measured.code).toBe('FEW_SAMPLES');
  expect(measured.message).toMatch(/^99 samples to measure by .*x_test/);
  const both = sampleWarnings({ measured: 1, learned: 99 });
  expect(both).toHaveLength(1);
  expect(both[0].message).toMatch(/^1 sample to measure by .*; 99 samples to learn from .*x_train/);
});

describe('the headline', () => {
  const measures = (macs: number, change: Partial<ModelMeasures> = {}): ModelMeasures => ({
    ...{
      accuracy: null,
      loss: null,
      agreement: null,
      parameters: 10 * macs,
      macs,
      size_bytes: 40 * macs,
      latency_ms: null,
    },
    ...change,
  });
  const headline = (last: StageRow, change: Partial<Parameters<typeof headlineOf>[0]> = {}) =>
    headlineOf({
      ...{ baseline: measures(1000), pruned: measures(500), stages: [row(0.799, 1), last] },
      ...{ hasData: true, canceled: false },
      ...change,
    });

  test('tells accuracies with interval and samples', () => {
    expect(headline(row(0.78, 0.9))).toBe(
      'Half of the MACs; accuracy 79.9 % → 78.0 % (95 % interval 76.8 to 79.1, 5,000 samples)',
    );
  });

  test('tells agreement where there are no labels', () => {
    const stages = [row(null, 1), row(null, 0.971, 1000)];
    expect(headline(stages[1], { stages, pruned: measures(302) })).toBe(
      '30 % of the MACs; agrees with the original on 97.1 % (95 % interval 95.9 to 98.0, 1,000 samples)',
    );
    const numbers = [row(null, 1, 40, false), row(null, 0.968, 40, false)];
    expect(headline(numbers[1], { stages: numbers })).toBe(
      "Half of the MACs; outputs differ from the original's by 3.2 % (40 samples)",
    );
  });

  test('says what was not measured, and why', () => {
    const nothing = row(null, null, 0);
    expect(headline(nothing, { hasData: false })).toBe('Half of the MACs; not measured: no data set');
    expect(headline(nothing)).toBe('Half of the MACs; not measured: no output can be compared');
  });

  test('begins with what was asked for', () => {
    const pruned = measures(400, { parameters: 5000, latency_ms: 1 });
    const told = (target: object) => headline(row(0.78, 0.9), { target, pruned }).split(';')[0];
    expect(told({ parameters: 0.5 })).toBe('Half of the parameters, 40 % of the MACs');
    expect(told({ size: { at_most: 16_000 } })).toBe('40 % of the bytes, 40 % of the MACs');
    expect(told({ macs: 0.4 })).toBe('40 % of the MACs');
    // Nothing was timed.
    expect(told({ latency: 0.5 })).toBe('40 % of the MACs');
    const all = headline(row(0.78, 0.9), { pruned: measures(1000) });
    expect(all.split(';')[0]).toBe('All of the MACs');
    expect(headline(row(0.78, 0.9), { pruned: measures(999) })).toMatch(/^99.9 % of the MACs/);
    expect(headline(row(0.78, 0.9), { pruned: measures(52) })).toMatch(/^5.2 % of the MACs/);
  });

  test('says that a job was canceled', () => {
    expect(headline(row(0.78, 0.9), { canceled: true })).toMatch(
      /^Canceled before its end: half of the MACs; accuracy/,
    );
  });
});
