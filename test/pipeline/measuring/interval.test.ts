import { describe, expect, test } from 'vitest';
import { shareInterval } from '../../../src/pipeline/measuring/interval.js';

describe('the interval of a share', () => {
  // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3; to four places.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('%i of %i is the published one', (right, samples, low, high) => {
    const interval = shareInterval(right / samples, samples)!;
    expect(interval[0]).toBeCloseTo(low, 4);
    expect(interval[1]).toBeCloseTo(high, 4);
  });

  test('stays in [0, 1], has the share in it, and is no point where none or all were right', () => {
    for (const samples of [1, 2, 7, 100, 1e6]) {
      for (let right = 0; right <= samples; right += Math.max(1, Math.floor(samples / 7))) {
        const share = right / samples;
        const [low, high] = shareInterval(share, samples)!;
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(share);
        expect(high).toBeGreaterThanOrEqual(share);
        expect(high).toBeLessThanOrEqual(1);
        expect(high).toBeGreaterThan(low);
      }
    }
    expect(shareInterval(0, 7)![0]).toBe(0);
    expect(shareInterval(1, 7)![1]).toBe(1);
  });

  test('of none and of all mirror each other', () => {
    const [[, high], [low]] = [shareInterval(0, 20)!, shareInterval(1, 20)!];
    expect(1 - low).toBeCloseTo(high, 12);
  });

  test('there is none of no samples', () => {
    expect(shareInterval(0, 0)).toBeUndefined();
  });
});
