/**
 * How many random graphs tests run on, and from which seed: `ESPALIER_RANDOM_GRAPHS` and `ESPALIER_RANDOM_SEED`. A failure
 * names the seed and shows the plan, shrunk. 20,000 take about ten minutes.
 */
export const RANDOM_GRAPHS = Number(process.env.ESPALIER_RANDOM_GRAPHS ?? 300);
export const RANDOM_SEED = Number(process.env.ESPALIER_RANDOM_SEED ?? 1);

/** What fast-check needs to run a property on a share of the random graphs. */
export function runsOf(share: number): { numRuns: number; seed: number } {
  return { numRuns: Math.max(1, Math.ceil(RANDOM_GRAPHS * share)), seed: RANDOM_SEED };
}

/** Far more than the runs take on a busy machine. */
export const RANDOM_GRAPHS_TIMEOUT_MS = 120_000 + RANDOM_GRAPHS * 2_000;
