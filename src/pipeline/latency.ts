import { seededRandom } from '../data/index.js';
import { type Engine, measureLatency } from '../engine/index.js';
import { type Graph, getSpec } from '../graph/graph.js';
import { allocate, elementCount, type Tensor } from '../graph/tensor.js';

const BUDGET_MS = 1500;
const WARMUP = 3;

/** Median milliseconds of a warm run on one sample of noise, as often as fits in about a second and a half. */
export async function sampleLatency(engine: Engine, graph: Graph): Promise<number> {
  const compiled = await engine.compile(graph);
  try {
    const feeds = randomInputs(graph, 1, 0);
    const start = performance.now();
    for (let i = 0; i < WARMUP; i++) await compiled.run(feeds);
    const each = (performance.now() - start) / WARMUP;
    const runs = Math.max(7, Math.min(200, Math.floor(BUDGET_MS / each)));
    return (await measureLatency(compiled, feeds, { warmup: 0, runs })).p50_ms;
  } finally {
    await compiled.release();
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
