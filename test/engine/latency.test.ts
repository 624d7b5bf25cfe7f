import { describe, expect, test } from 'vitest';
import type { CompiledGraph } from '../../src/engine/index.js';
import { measureLatency } from '../../src/engine/index.js';
import { medianIntervalRank } from '../../src/engine/latency.js';

describe('the interval of the median', () => {
  test('has the ranks of the tables (Conover, Practical Nonparametric Statistics, table A3)', () => {
    expect([5, 6, 8, 9, 15, 20, 25].map(medianIntervalRank)).toEqual([undefined, 0, 0, 1, 3, 5, 7]);
  });

  test('approaches n/2 - 0.98 √n, also where 2^-n is no number any more', () => {
    for (const n of [400, 2000]) {
      expect(Math.abs(medianIntervalRank(n)! - (n / 2 - 0.98 * Math.sqrt(n)))).toBeLessThanOrEqual(1.5);
    }
  });
});

describe('measuring', () => {
  const counting = () => {
    let count = 0;
    const compiled: CompiledGraph = {
      run: async () => {
        const until = performance.now() + (count++ < 3 ? 20 : 1);
        while (performance.now() < until);
        return new Map();
      },
      release: async () => {},
    };
    return { compiled, count: () => count };
  };

  test('leaves the warm-up out, and the median lies in its interval', async () => {
    const { compiled, count } = counting();
    const { p50_ms, interval, runs } = await measureLatency(compiled, new Map(), { warmup: 3, runs: 20 });
    expect(count()).toBe(23);
    expect(runs).toBe(20);
    expect(p50_ms).toBeGreaterThanOrEqual(1);
    expect(p50_ms).toBeLessThan(20);
    expect(interval[0]).toBeLessThanOrEqual(p50_ms);
    expect(interval[1]).toBeGreaterThanOrEqual(p50_ms);
  });

  test('refuses too few runs', async () => {
    await expect(measureLatency(counting().compiled, new Map(), { warmup: 0, runs: 5 })).rejects.toThrow(
      /6 runs, got 5/,
    );
  });
});
