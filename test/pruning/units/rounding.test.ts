import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeDivisible } from '../../../src/pruning/mutables/index.js';
import { ratioOf, roundCount, roundRatio } from '../../../src/pruning/units/rounding.js';
import { describeShared } from '../../shared.js';

interface RoundingCase {
  num_channels: number;
  choice: number;
  choice_type: 'int' | 'float';
  divisor?: number;
  min_value?: number;
  min_ratio?: number;
  result: { stored: number; activated: number };
}

describeShared('rounding equals the original', 'goldens/mmrazor/algorithms', (folder) => {
  test('make_divisible', () => {
    const cases = JSON.parse(readFileSync(`${folder}/make_divisible.json`, 'utf8'));
    expect(cases.length).toBeGreaterThan(500);
    for (const { value, out, ...rounding } of cases) {
      expect(makeDivisible(value, rounding), JSON.stringify({ value, ...rounding })).toBe(out);
    }
  });

  test('choices of the sequential unit, numbers and ratios', () => {
    const cases: RoundingCase[] = JSON.parse(readFileSync(`${folder}/rounding_sequential.json`, 'utf8'));
    expect(cases.length).toBeGreaterThan(500);
    for (const golden of cases) {
      const rounding = {
        divisor: golden.divisor ?? 1,
        min_value: golden.min_value ?? 1,
        min_ratio: golden.min_ratio ?? 0.9,
      };
      const round = golden.choice_type === 'int' ? roundCount : roundRatio;
      const activated = round(golden.choice, golden.num_channels, rounding);
      expect(activated, JSON.stringify(golden)).toBe(golden.result.activated);
    }
  });
});

describe('ratioOf', () => {
  test('floors back to the count it was made from', () => {
    const rounding = { divisor: 1, min_value: 1, min_ratio: 0.9 };
    for (let n = 1; n <= 600; n++) {
      for (let k = 1; k <= n; k++) {
        const back = roundRatio(ratioOf(k, n), n, rounding);
        if (back !== k) throw new Error(`${k} of ${n} came back as ${back}`);
      }
    }
  });

  test('is within one unit in the last place of the quotient', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 }), (a, b) => {
        const [k, n] = [Math.min(a, b), Math.max(a, b)];
        expect(Math.abs(ratioOf(k, n) - k / n)).toBeLessThanOrEqual((k / n) * 2 ** -52);
      }),
    );
  });
});
