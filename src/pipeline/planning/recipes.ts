/** By what ways weights are set, for the samples that there are. */
import { type Graph, hasBatchNorms } from '../../graph/graph.js';
import type { PruneConfig } from '../../prune-config/index.js';
import { RECIPES, type Recipe } from '../../recovery/index.js';

/** From so many samples on, weights that are solved for were better than those that only had their means and spreads put right. */
const FEW_SAMPLES = 64;
/** From so many samples on, and where batch norms keep what is fitted from drifting, fitting to what the pruned network really computes is the better way (RECOVERY.md 8.2). */
const MANY_SAMPLES = 500;

const METHODS: Readonly<
  Record<PruneConfig['recovery']['method'], (samples: number, hasNorms: boolean) => readonly Recipe[]>
> = {
  auto: leastSquares,
  least_squares: leastSquares,
  statistics: () => [RECIPES.none, RECIPES.statistics],
  none: () => [],
};

/** Each that is tried takes as long as the others: those that never win are left out. */
function leastSquares(samples: number, hasNorms: boolean): readonly Recipe[] {
  const { none, statistics, least_squares, least_squares_on_original } = RECIPES;
  const fewest = samples < FEW_SAMPLES ? [statistics] : [];
  const few = samples < MANY_SAMPLES && !hasNorms ? [least_squares_on_original] : [];
  return [none, ...fewest, least_squares, ...few];
}

/** What is tried, the best last where nothing was measured. */
export function recipesFor({ method }: PruneConfig['recovery'], graph: Graph, samples: number): readonly Recipe[] {
  return METHODS[method](samples, hasBatchNorms(graph));
}
