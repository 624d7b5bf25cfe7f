import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ratioOf, roundCount, roundRatio } from '../../../src/pruning/units/rounding.js';

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

describe('roundCount', () => {
  const roundings = fc.record({
    divisor: fc.integer({ min: 1, max: 16 }),
    min_value: fc.option(fc.integer({ min: 1, max: 20 })),
    min_ratio: fc.double({ min: 0.01, max: 1, noNaN: true }),
  });

  test('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200 }), roundings, (a, b, rounding) => {
        const [count, n] = [Math.min(a, b), Math.max(a, b)];
        const once = roundCount(count, n, rounding);
        expect(roundCount(once, n, rounding)).toBe(once);
        expect(once % rounding.divisor === 0 || once === n).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
