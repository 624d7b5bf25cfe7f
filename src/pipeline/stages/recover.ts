import { type Graph, hasBatchNorms } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import type { PruneConfig } from '../../prune-config/index.js';
import { RECIPES, type Recipe, recover } from '../../recovery/index.js';
import type { RecoveryRow } from '../../report/unit-report.js';
import type { Ranked } from './rank-channels.js';
import type { Job } from './stage.js';

/** After prune steps that others follow: what is recovered there is trained, and pruned again. */
const SAMPLES_BETWEEN = 128;
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

export interface RecoveredWeights {
  /** Full weights, by constant id: those that changed. */
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly row: RecoveryRow;
}

type Recovered = Pick<Ranked, 'graph' | 'engine' | 'calibration'> & {
  readonly algorithm: Pick<Ranked['algorithm'], 'mutator'>;
};

/**
 * Sets the weights of what the mutator's choices leave by samples of the data set, without labels (see `src/recovery`).
 * @param isLast whether no prune step follows
 * @returns undefined where there is nothing to recover by, or nothing was asked for
 */
export async function recoverSubnet(
  { spec, signal, listener, progress }: Job,
  { graph, engine, calibration, algorithm: { mutator } }: Recovered,
  isLast: boolean,
): Promise<RecoveredWeights | undefined> {
  const { method } = spec.config.recovery;
  if (method === 'none') return undefined;
  progress.begin('recovering');
  const subnet = mutator.exportSubnet();
  const selection = mutator.selection();
  const networks = { original: graph, pruned: subnet.graph, kept: selection.kept.bind(selection) };
  const blocks = await calibration.blocks({ beside: subnet.graph, ...(isLast ? {} : { most: SAMPLES_BETWEEN }) });
  if (blocks.length === 0) return undefined;
  const samples = blocks.reduce((n, block) => n + block.samples, 0);
  const recipes = recipesFor(spec.config.recovery, graph, samples);
  const { recipe, constants, divergences, withoutOffset } = await recover(networks, blocks, {
    engine,
    recipes,
    signal,
    onProgress: (share) => progress.within('recovering', share),
  });
  listener.log(`recovered by ${recipe} from ${samples} samples`, { divergences });
  progress.end('recovering');
  const changed = new Map([...constants.keys()].map((id) => [id, mutator.weights.get(id)!]));
  return {
    weights: subnet.writeBack(changed, constants),
    row: { method: recipe, samples, divergences, without_bias: withoutOffset },
  };
}
