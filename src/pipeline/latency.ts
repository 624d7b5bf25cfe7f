import { seededRandom } from '../data/index.js';
import { type CompiledGraph, type Engine, measureLatency } from '../engine/index.js';
import { type Graph, getSpec } from '../graph/graph.js';
import { allocate, elementCount, type Tensor } from '../graph/tensor.js';

/** For each graph: three runs to warm up, then turns of seven runs, as many turns as fit in about a second and a half. */
const WARMUP = 3;
const RUNS = 7;
const BUDGET_MS = 1500;
const MOST_TURNS = 15;

/**
 * Median milliseconds that one sample of noise takes each graph, warm. The graphs take turns, so that a machine whose
 * speed drifts doesn't favour one of them.
 */
export async function compareLatency(engine: Engine, graphs: readonly Graph[]): Promise<number[]> {
  const contestants: { compiled: CompiledGraph; feeds: Map<string, Tensor>; medians: number[] }[] = [];
  try {
    for (const graph of graphs) {
      contestants.push({ compiled: await engine.compile(graph), feeds: randomInputs(graph, 1, 0), medians: [] });
    }
    const start = performance.now();
    for (const { compiled, feeds } of contestants) for (let i = 0; i < WARMUP; i++) await compiled.run(feeds);
    const turnMs = ((performance.now() - start) / WARMUP) * RUNS;
    const turns = Math.max(1, Math.min(MOST_TURNS, Math.round((BUDGET_MS * graphs.length) / turnMs)));
    for (let turn = 0; turn < turns; turn++) {
      for (const { compiled, feeds, medians } of contestants) {
        medians.push((await measureLatency(compiled, feeds, { warmup: 0, runs: RUNS })).p50_ms);
      }
    }
    return contestants.map(({ medians }) => medians.sort((a, b) => a - b)[medians.length >> 1]);
  } finally {
    for (const { compiled } of contestants) await compiled.release();
  }
}

/** Seeded inputs for a graph, uniform in [0, 1); unknown extents are the batch. */
export function randomInputs(graph: Graph, batch: number, seed: number): Map<string, Tensor> {
  const random = seededRandom(seed);
  return new Map(
    graph.inputs.map((id) => {
      const { dtype, shape } = getSpec(graph, id);
      const concrete = shape.map((d) => (typeof d === 'number' ? d : batch));
      const data = allocate(dtype, elementCount(concrete));
      if (data instanceof BigInt64Array) data.fill(0n);
      else for (let i = 0; i < data.length; i++) data[i] = random();
      return [id, { dtype, shape: concrete, data }];
    }),
  );
}
