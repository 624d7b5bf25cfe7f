import type { Tensor } from '../graph/tensor.js';
import type { CompiledGraph } from './engine.js';

export interface Latency {
  /** Median of the warm runs, in milliseconds. */
  readonly p50_ms: number;
  /** A distribution-free 95% confidence interval of the median. */
  readonly interval: readonly [lower: number, upper: number];
  readonly runs: number;
}

/**
 * Times runs of a compiled graph, one after the other. The interval is between order statistics: the number of runs
 * below the true median is binomial(runs, ½), whatever the distribution.
 * @throws RangeError with fewer than 6 runs, which can't give a 95% interval.
 */
export async function measureLatency(
  compiled: CompiledGraph,
  feeds: ReadonlyMap<string, Tensor>,
  options: { warmup: number; runs: number },
): Promise<Latency> {
  const { warmup, runs } = options;
  const rank = medianIntervalRank(runs);
  if (rank === undefined) throw new RangeError(`a 95% interval of the median needs at least 6 runs, got ${runs}`);
  for (let i = 0; i < warmup; i++) await compiled.run(feeds);
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await compiled.run(feeds);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const middle = Math.floor(runs / 2);
  const p50_ms = runs % 2 === 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  return { p50_ms, interval: [times[rank], times[runs - 1 - rank]], runs };
}

/** The largest k with P(binomial(n, ½) ≤ k) ≤ 2.5%: the interval runs from order statistic k (from 0) to n-1-k. */
export function medianIntervalRank(n: number): number | undefined {
  // In logarithms: 2^-n underflows from 1075 runs on.
  let logTerm = -n * Math.LN2;
  let below = 0;
  let rank: number | undefined;
  for (let k = 0; k < n; k++) {
    below += Math.exp(logTerm);
    if (below > 0.025) break;
    rank = k;
    logTerm += Math.log(n - k) - Math.log(k + 1);
  }
  return rank;
}
