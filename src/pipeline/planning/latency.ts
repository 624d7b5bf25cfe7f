import type { LatencyMeasurement } from '../../contract.js';
import {
  type CompiledGraph,
  type Engine,
  estimateMedian,
  type MedianEstimate,
  medianOf,
  timeRuns,
} from '../../engine/index.js';
import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { randomInputs } from '../feeding/random-inputs.js';

/** What all turns together take, about; a graph that is slow takes the least number of turns, of one run each. */
const BUDGET_MS = 3000;

/** Fewer than six turns give no 95% interval. */
const TURNS = { least: 6, most: 101 };
const MOST_RUNS_A_TURN = 7;
const MOST_WARM_UPS = 3;

export interface LatencyComparison {
  /** Milliseconds of one sample, warm: the median of the turns' medians. */
  readonly before: MedianEstimate;
  readonly after: MedianEstimate;
  /** `after / before`: the median of the turns' own ratios, which a drifting machine disturbs least. */
  readonly share: MedianEstimate;
  /** Timed runs of each graph. */
  readonly runs: number;
  readonly threads: number;
  /** Name of the engine that both ran on. */
  readonly engine: string;
}

/**
 * Times one sample of noise through two graphs, by turns, so that a machine whose speed drifts favours neither. Threads of
 * the one sleep while the other runs: spinning ones made times jump by half on two cores.
 * @throws the signal's reason, between two turns
 */
export async function compareLatency(
  engine: Engine,
  original: Graph,
  pruned: Graph,
  signal?: AbortSignal,
): Promise<LatencyComparison> {
  const a = await engine.compile(original, { idle: 'sleep' });
  try {
    const b = await engine.compile(pruned, { idle: 'sleep' });
    try {
      const turns = await takeTurns(
        { compiled: a, feeds: randomInputs(original, 1, 0) },
        { compiled: b, feeds: randomInputs(pruned, 1, 0) },
        signal,
      );
      return { ...turns, threads: engine.threads, engine: engine.name };
    } finally {
      await b.release();
    }
  } finally {
    await a.release();
  }
}

/** A comparison as results and reports show it. */
export function latencyMeasurement({
  before,
  after,
  share,
  runs,
  threads,
  engine,
}: LatencyComparison): LatencyMeasurement {
  return {
    engine,
    threads,
    runs,
    share: share.median,
    intervals: { baseline_ms: before.interval, pruned_ms: after.interval, share: share.interval },
  };
}

interface Contestant {
  readonly compiled: CompiledGraph;
  readonly feeds: ReadonlyMap<string, Tensor>;
}

async function takeTurns(
  a: Contestant,
  b: Contestant,
  signal?: AbortSignal,
): Promise<Omit<LatencyComparison, 'threads' | 'engine'>> {
  const bothMs = await warmUp(a, b, signal);
  const perTurn = clamp(BUDGET_MS / (TURNS.least * bothMs), 1, MOST_RUNS_A_TURN);
  const turns = clamp(BUDGET_MS / (perTurn * bothMs), TURNS.least, TURNS.most);
  const p50 = async ({ compiled, feeds }: Contestant) => {
    signal?.throwIfAborted();
    // The first run finds the other graph's data in the caches. Where runs are long that is nothing.
    if (perTurn > 1) await timeRuns(compiled, feeds, 1);
    return medianOf(await timeRuns(compiled, feeds, perTurn));
  };
  const before: number[] = [];
  const after: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    before.push(await p50(a));
    after.push(await p50(b));
  }
  return {
    before: estimateMedian(before),
    after: estimateMedian(after),
    share: estimateMedian(after.map((ms, i) => ms / before[i])),
    runs: turns * perTurn,
  };
}

/** Runs both until they are warm. @returns milliseconds that a run of each takes together */
async function warmUp(a: Contestant, b: Contestant, signal?: AbortSignal): Promise<number> {
  let bothMs = 0;
  let spentMs = 0;
  for (let i = 0; i < MOST_WARM_UPS && spentMs < BUDGET_MS; i++) {
    signal?.throwIfAborted();
    const [[first], [second]] = [await timeRuns(a.compiled, a.feeds, 1), await timeRuns(b.compiled, b.feeds, 1)];
    bothMs = first + second;
    spentMs += bothMs;
  }
  return Math.max(bothMs, 1e-3);
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.round(value)));
}
