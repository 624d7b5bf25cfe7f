import type { Engine } from '../engine/engine.js';
import { replaceConstants } from '../graph/passes/replace-constants.js';
import type { Tensor } from '../graph/tensor.js';
import { changedValues } from './changed.js';
import { divergence, outputsOf } from './divergence.js';
import { type Lambdas, LeastSquaresStep, MOST_INPUTS, type Role } from './least-squares-step.js';
import { levelsOf } from './levels.js';
import { Products } from './moments.js';
import type { Networks } from './networks.js';
import { placesFor } from './rows.js';
import { type Block, type Step, settleInSequence, type Values } from './sequence.js';
import { findSharedSites, type SharedSites } from './shared-sites.js';
import { findSites, type Site } from './site.js';
import { type InputsOf, RowBuffers, SiteReader } from './site-reader.js';
import { StatisticsStep } from './statistics-step.js';

/** A way to recover: how each layer is set, and by whose activations; undefined: the network stays as it is. */
export interface Recipe {
  readonly name: RecipeName;
  readonly weights?: 'least_squares' | 'statistics';
  /** Whose activations weights are fitted to: those of the pruned network, or the original's less the channels that went. */
  readonly inputs?: 'pruned' | 'original';
}

export type RecipeName = 'none' | 'statistics' | 'least_squares' | 'least_squares_on_original';

export interface RecoverOptions {
  readonly engine: Engine;
  readonly recipes: readonly Recipe[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
}

export interface Recovered {
  readonly recipe: RecipeName;
  /** The constants of the pruned network that are other than they were. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** By recipe, how far outputs are from the original's on samples held back. */
  readonly divergences: Readonly<Partial<Record<RecipeName, number>>>;
}

/**
 * Sets the weights of a pruned network so that it computes what the original does on some samples, without labels and without
 * training. Every recipe is fitted on three quarters of the blocks; the one whose outputs come nearest to the original's on the
 * others, is fitted again on all. `none`, the network as it is, takes part, and stays where there is nothing to judge by.
 */
export async function recover(
  networks: Networks,
  blocks: readonly Block[],
  { engine, recipes, signal, onProgress }: RecoverOptions,
): Promise<Recovered> {
  const roles = rolesOf(blocks.length);
  const judging = blocks.filter((_, i) => roles[i] === 'judge');
  // Nothing would tell a network that was recovered from one that was ruined.
  if (judging.length === 0) return { recipe: 'none', constants: new Map(), divergences: {} };
  const wanted = await outputsOf(networks.original, judging, engine);
  const products = new Products(engine);
  const changed = changedValues(networks);
  const sites = recoverableSites(networks, changed);
  const shared = recoverableShared(networks, changed, sites);
  const looked = { places: placesFor(blocks), samples: blocks.reduce((n, { samples }) => n + samples, 0) };
  const buffers = new RowBuffers();
  const makeSteps = ({ weights, inputs }: Recipe, roleOf: (block: number) => Role, lambdas: Lambdas): Step[] => {
    const read = (site: Site, inputsOf: InputsOf) => new SiteReader(site, networks, inputsOf, looked, buffers);
    const isSolved = ({ extents }: SiteReader) => weights === 'least_squares' && extents.inputs <= MOST_INPUTS;
    const inputsOf = inputs === 'original' ? 'both' : 'pruned';
    const own = sites.map((site) => {
      const reader = read(site, inputsOf);
      if (isSolved(reader)) return new LeastSquaresStep([reader], products, roleOf, lambdas);
      return new StatisticsStep(read(site, 'pruned'), products, (block) => roleOf(block) !== 'judge');
    });
    // What goes into a layer behind another with its weights isn't known before those are: the original's is.
    const common = shared.flatMap(({ sites: parts, isBehind }) => {
      const readers = parts.map((site, i) => read(site, isBehind[i] ? 'original' : inputsOf));
      return isSolved(readers[0]) ? [new LeastSquaresStep(readers, products, roleOf, lambdas)] : [];
    });
    return [...own, ...common];
  };
  const passes = recipes.filter(({ weights }) => weights).length + 1;
  let pass = 0;
  const settle = async (recipe: Recipe, roleOf: (block: number) => Role, lambdas: Lambdas): Promise<Values> => {
    if (!recipe.weights) return new Map();
    const steps = makeSteps(recipe, roleOf, lambdas);
    const report = (share: number): void => onProgress?.((pass + share) / passes);
    const found = await settleInSequence(networks, blocks, steps, { engine, signal, onProgress: report });
    pass++;
    return found;
  };
  try {
    const tried: { recipe: Recipe; lambdas: Lambdas; divergence: number }[] = [];
    for (const recipe of recipes) {
      const lambdas: Lambdas = new Map();
      const constants = await settle(recipe, (block) => roles[block], lambdas);
      const found = await outputsOf(replaceConstants(networks.pruned, constants), judging, engine);
      tried.push({ recipe, lambdas, divergence: divergence(networks.original, found, wanted) });
    }
    const best = tried.reduce((a, b) => (b.divergence < a.divergence ? b : a));
    const constants = await settle(best.recipe, () => 'fit', best.lambdas);
    const divergences = Object.fromEntries(tried.map(({ recipe, divergence }) => [recipe.name, divergence]));
    onProgress?.(1);
    return { recipe: best.recipe.name, constants, divergences };
  } finally {
    await products.release();
  }
}

/** What each of so many blocks is for: the last of each four to judge by, or the last of fewer. None of one. */
export function rolesOf(blocks: number): Role[] {
  const isJudge = (block: number): boolean =>
    block % BLOCKS_A_JUDGE === BLOCKS_A_JUDGE - 1 || (blocks < BLOCKS_A_JUDGE && block === blocks - 1 && block > 0);
  return Array.from({ length: blocks }, (_, block) => (isJudge(block) ? 'judge' : 'fit'));
}

const BLOCKS_A_JUDGE = 4;

/** The layers that read what is other than in the original. Of two that a sum adds up, the deeper repairs what the other misses. */
function recoverableSites(networks: Networks, changed: ReadonlySet<string>): Site[] {
  const sites = findSites(networks.original).filter(({ node }) => changed.has(node.outputs[0]));
  const depths = levelsOf(
    networks.original,
    sites.map(({ node }) => ({ node, after: [] })),
  );
  const repairs = new Map<string, number>();
  sites.forEach(({ sum }, i) => {
    if (!sum) return;
    const other = repairs.get(sum.value);
    if (other === undefined || depths.of[i] >= depths.of[other]) repairs.set(sum.value, i);
  });
  return sites.map(({ sum, ...site }, i) => (sum && repairs.get(sum.value) === i ? { ...site, sum } : site));
}

/** Layers with weights in common, some of which read what is other than in the original. No sum is repaired from both its sides. */
function recoverableShared(
  { original }: Networks,
  changed: ReadonlySet<string>,
  sites: readonly Site[],
): readonly SharedSites[] {
  const repaired = new Set(sites.flatMap(({ sum }) => (sum ? [sum.value] : [])));
  return findSharedSites(original)
    .filter((shared) => shared.sites.some(({ node }) => changed.has(node.outputs[0])))
    .map(({ sites: parts, isBehind }) => {
      const own = parts.map(({ sum, ...site }) => {
        if (!sum || repaired.has(sum.value)) return site;
        repaired.add(sum.value);
        return { ...site, sum };
      });
      return { sites: own, isBehind };
    });
}

/** `least_squares_on_original` has no drift to overfit to. */
export const RECIPES: Readonly<Record<RecipeName, Recipe>> = {
  none: { name: 'none' },
  statistics: { name: 'statistics', weights: 'statistics', inputs: 'pruned' },
  least_squares: { name: 'least_squares', weights: 'least_squares', inputs: 'pruned' },
  least_squares_on_original: { name: 'least_squares_on_original', weights: 'least_squares', inputs: 'original' },
};
