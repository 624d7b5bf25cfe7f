import type { Engine } from '../engine/engine.js';
import type { Graph } from '../graph/graph.js';
import { replaceConstants } from '../graph/passes/replace-constants.js';
import type { Tensor } from '../graph/tensor.js';
import { divergence, isComparable, outputsOf } from './divergence.js';
import type { Lambdas, Role } from './least-squares-step.js';
import { Products } from './moments.js';
import type { Networks } from './networks.js';
import { RecipeSteps } from './recipe-steps.js';
import type { Recipe, RecipeName } from './recipes.js';
import { type Block, settleInSequence, type Values } from './sequence.js';

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
  /** How many of the layers that were set have nowhere to put a mean that is off: no bias, and no batch norm behind them. */
  readonly withoutOffset: number;
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
  if (judging.length === 0 || !isComparable(networks.original)) {
    return { recipe: 'none', constants: new Map(), divergences: {}, withoutOffset: 0 };
  }
  const products = new Products(engine);
  const steps = new RecipeSteps(networks, blocks, products);
  // The original, each recipe and the winner once more are parts of the work; of each the last bit is to judge it.
  const parts = recipes.length + 2;
  let part = 0;
  const within = (share: number): void => onProgress?.((part + share) / parts);
  const judge = (graph: Graph, from: number): Promise<Values[]> =>
    outputsOf(graph, judging, engine, (share) => {
      signal?.throwIfAborted();
      within(from + (1 - from) * share);
    });
  const settle = (recipe: Recipe, roleOf: (block: number) => Role, lambdas: Lambdas): Promise<Values> => {
    const onShare = (share: number): void => within(SETTLED * share);
    const own = steps.of(recipe, roleOf, lambdas);
    return settleInSequence(networks, blocks, own, { engine, signal, onProgress: onShare });
  };
  try {
    const wanted = await judge(networks.original, 0);
    part++;
    const tried: { recipe: Recipe; lambdas: Lambdas; divergence: number }[] = [];
    for (const recipe of recipes) {
      const lambdas: Lambdas = new Map();
      const constants = await settle(recipe, (block) => roles[block], lambdas);
      const found = await judge(replaceConstants(networks.pruned, constants), SETTLED);
      tried.push({ recipe, lambdas, divergence: divergence(networks.original, found, wanted) });
      part++;
    }
    const best = tried.reduce((a, b) => (b.divergence < a.divergence ? b : a));
    const constants = await settle(best.recipe, () => 'fit', best.lambdas);
    const divergences = Object.fromEntries(tried.map(({ recipe, divergence }) => [recipe.name, divergence]));
    onProgress?.(1);
    const withoutOffset = constants.size > 0 ? steps.withoutOffset : 0;
    return { recipe: best.recipe.name, constants, divergences, withoutOffset };
  } finally {
    await products.release();
  }
}

/** The share of a recipe's work that is done once its steps are. */
const SETTLED = 0.9;

/** What each of so many blocks is for: the last of each four to judge by, or the last of fewer. None of one. */
export function rolesOf(blocks: number): Role[] {
  const isJudge = (block: number): boolean =>
    block % BLOCKS_A_JUDGE === BLOCKS_A_JUDGE - 1 || (blocks < BLOCKS_A_JUDGE && block === blocks - 1 && block > 0);
  return Array.from({ length: blocks }, (_, block) => (isJudge(block) ? 'judge' : 'fit'));
}

const BLOCKS_A_JUDGE = 4;
