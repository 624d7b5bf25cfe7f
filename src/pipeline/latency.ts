import { seededRandom } from '../data/index.js';
import { type CompiledGraph, type Engine, measureLatency } from '../engine/index.js';
import { type Graph, getSpec } from '../graph/graph.js';
import { allocate, elementCount, type Tensor } from '../graph/tensor.js';

/** For each graph: three runs to warm up, then turns of seven runs, as many turns as fit in the budget. */
const WARMUP = 3;
const RUNS = 7;
const BUDGET_MS = 3000;
const TURNS = { least: 5, most: 31 };

export interface LatencyComparison {
  /** Median milliseconds of one sample, warm. */
  readonly before: number;
  readonly after: number;
  /** `after / before`: the median of the turns' own ratios, which a drifting machine disturbs least. */
  readonly share: number;
}

/**
 * Times one sample of noise through two graphs, by turns, so that a machine whose speed drifts favours neither. Threads of
 * the one sleep while the other runs: spinning ones made times jump by half on two cores.
 */
export async function compareLatency(engine: Engine, original: Graph, pruned: Graph): Promise<LatencyComparison> {
  const a = await engine.compile(original, { idle: 'sleep' });
  try {
    const b = await engine.compile(pruned, { idle: 'sleep' });
    try {
      return await takeTurns(
        { compiled: a, feeds: randomInputs(original, 1, 0) },
        { compiled: b, feeds: randomInputs(pruned, 1, 0) },
      );
    } finally {
      await b.release();
    }
  } finally {
    await a.release();
  }
}

interface Contestant {
  readonly compiled: CompiledGraph;
  readonly feeds: ReadonlyMap<string, Tensor>;
}

async function takeTurns(a: Contestant, b: Contestant): Promise<LatencyComparison> {
  const start = performance.now();
  for (const { compiled, feeds } of [a, b]) for (let i = 0; i < WARMUP; i++) await compiled.run(feeds);
  const turnMs = ((performance.now() - start) / WARMUP) * RUNS;
  const turns = Math.max(TURNS.least, Math.min(TURNS.most, Math.round(BUDGET_MS / turnMs)));
  const p50 = async ({ compiled, feeds }: Contestant) =>
    (await measureLatency(compiled, feeds, { warmup: 1, runs: RUNS })).p50_ms;
  const before: number[] = [];
  const after: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    before.push(await p50(a));
    after.push(await p50(b));
  }
  return { before: median(before), after: median(after), share: median(after.map((ms, i) => ms / before[i])) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[sorted.length >> 1];
}

/** Seeded inputs for a graph, uniform between the bounds; unknown extents are the batch. */
export function randomInputs(
  graph: Graph,
  batch: number,
  seed: number,
  [low, high]: readonly [number, number] = [0, 1],
): Map<string, Tensor> {
  const random = seededRandom(seed);
  return new Map(
    graph.inputs.map((id) => {
      const { dtype, shape } = getSpec(graph, id);
      const concrete = shape.map((d) => (typeof d === 'number' ? d : batch));
      const data = allocate(dtype, elementCount(concrete));
      if (data instanceof BigInt64Array) data.fill(0n);
      else for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * random();
      return [id, { dtype, shape: concrete, data }];
    }),
  );
}
