import type { Tensor } from '../graph/tensor.js';
import type { CompiledGraph } from './engine.js';

export interface MedianEstimate {
  readonly median: number;
  /** A distribution-free 95% confidence interval of the median. */
  readonly interval: readonly [lower: number, upper: number];
}

export interface Latency {
  /** Median of the warm runs, in milliseconds. */
  readonly p50_ms: number;
  /** A distribution-free 95% confidence interval of the median. */
  readonly interval: readonly [lower: number, upper: number];
  readonly runs: number;
}

/** Milliseconds of each of so many runs of a compiled graph, one after the other. */
export async function timeRuns(
  compiled: CompiledGraph,
  feeds: ReadonlyMap<string, Tensor>,
  runs: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await compiled.run(feeds);
    times.push(performance.now() - start);
  }
  return times;
}

/** Times warm runs of a compiled graph. @throws RangeError with fewer than 6 runs, which can't give a 95% interval. */
export async function measureLatency(
  compiled: CompiledGraph,
  feeds: ReadonlyMap<string, Tensor>,
  { warmup, runs }: { warmup: number; runs: number },
): Promise<Latency> {
  if (medianIntervalRank(runs) === undefined) throw tooFew(runs);
  await timeRuns(compiled, feeds, warmup);
  const { median, interval } = estimateMedian(await timeRuns(compiled, feeds, runs));
  return { p50_ms: median, interval, runs };
}

/**
 * The median with an interval between order statistics: the number of values below the true median is binomial(n, ½),
 * whatever the distribution.
 * @throws RangeError with fewer than 6 values, which can't give a 95% interval.
 */
export function estimateMedian(values: readonly number[]): MedianEstimate {
  const rank = medianIntervalRank(values.length);
  if (rank === undefined) throw tooFew(values.length);
  const sorted = values.toSorted((a, b) => a - b);
  return { median: medianOf(sorted), interval: [sorted[rank], sorted[sorted.length - 1 - rank]] };
}

/** The middle value, of an even number the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function tooFew(runs: number): RangeError {
  return new RangeError(`a 95% interval of the median needs at least 6 runs, got ${runs}`);
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
