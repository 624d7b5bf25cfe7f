import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ratioOf, roundRatio } from '../../../src/pruning/units/rounding.js';

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
