import { Products } from './moments.js';
import type { Networks } from './networks.js';
import { RecipeSteps } from './recipe-steps.js';
import type { Recipe } from './recipes.js';
import { type Block, type SequenceOptions, settleInSequence, type Values } from './sequence.js';

/**
 * Sets the weights of a pruned network by one recipe, by some of what there is to see on all samples, and without judging what comes of
 * it: to plan by.
 * @param most multiplications of solving; undefined is returned where it takes more
 * @returns the constants of the pruned network that are other than they were
 */
export async function settle(
  networks: Networks,
  blocks: readonly Block[],
  recipe: Recipe,
  most: number,
  options: SequenceOptions,
): Promise<Values | undefined> {
  const products = new Products(options.engine);
  try {
    const steps = new RecipeSteps(networks, blocks, products, true).of(recipe, () => 'fit', new Map());
    if (steps.reduce((sum, { work = 0 }) => sum + work, 0) > most) return undefined;
    return await settleInSequence(networks, blocks, steps, options);
  } finally {
    await products.release();
  }
}
