import fc from 'fast-check';
import { test } from 'vitest';
import type { Engine } from '../../../src/engine/index.js';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import { getSpec } from '../../../src/graph/graph.js';
import { toRef } from '../../../src/graph/tensor.js';
import { expectClose, type Tolerances } from '../agreement.js';
import { Random } from '../random.js';
import { type ChainPlan, chainGraph, chainPlans } from './chain-plans.js';
import type { EngineUnderTest } from './engine-under-test.js';

/** How many chains each engine computes, set by `ESPALIER_RANDOM_CHAINS`, from which seed by `ESPALIER_RANDOM_SEED`. */
const CHAINS = process.env.ESPALIER_RANDOM_CHAINS;
const SEED = Number(process.env.ESPALIER_RANDOM_SEED ?? 1);
const MOST_THREADS = 4;

/** The engine's outputs are the reference's, relative to the largest of all values of the chain. */
async function expectChain(engine: Engine, plan: ChainPlan, tolerances: Tolerances): Promise<void> {
  const graph = chainGraph(plan);
  const random = new Random(7);
  const feeds = new Map(graph.inputs.map((id) => [id, random.tensor(getSpec(graph, id), plan.batch)]));
  const expected = evaluateGraph(chainGraph(plan, true), new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
  let largest = 0.1;
  for (const { data } of expected.values()) for (const v of data) largest = Math.max(largest, Math.abs(v));
  const compiled = await engine.compile(graph);
  try {
    const found = await compiled.run(feeds);
    for (const [name, value] of found) {
      expectClose(name, value, expected.get(name)!, tolerances[value.dtype] ?? 0, largest);
    }
  } finally {
    await compiled.release();
  }
}

interface ChainSettings {
  /** Chains, where none are asked for. */
  readonly runs: number;
  readonly float64Tolerance: number;
  /** Elements of one value. */
  readonly mostElements?: number;
  /** Ops that it refuses, by dtype. */
  readonly refuses?: EngineUnderTest['refuses'];
}

/**
 * Random chains of elementwise nodes agree with the reference, for every broadcast, layout, dtype, extent and number of
 * threads. A failure shows the chain, shrunk.
 * @param open the engine with that many threads
 */
export function testChains(
  open: (threads: number) => Engine | Promise<Engine>,
  { runs, float64Tolerance, mostElements = 200_000, refuses = {} }: ChainSettings,
): void {
  const takes = ({ dtype, steps }: ChainPlan): boolean => !steps.some(({ op }) => refuses[op]?.includes(dtype));
  const numRuns = Number(CHAINS ?? runs);
  test(
    `${numRuns} random chains of elementwise nodes agree with the reference`,
    async () => {
      const engines = await Promise.all(Array.from({ length: MOST_THREADS }, (_, i) => open(i + 1)));
      const tolerances = { float32: 2e-5, float64: float64Tolerance };
      await fc.assert(
        fc.asyncProperty(
          chainPlans(mostElements).filter(takes),
          fc.constantFrom(...engines.keys()),
          async (plan, i) => {
            await expectChain(engines[i], plan, tolerances);
          },
        ),
        { numRuns, seed: SEED },
      );
    },
    120_000 + numRuns * 2_000,
  );
}
