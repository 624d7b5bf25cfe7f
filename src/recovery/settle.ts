import { Products } from './moments.js';
import type { Networks } from './networks.js';
import { RecipeSteps } from './recipe-steps.js';
import type { Recipe } from './recipes.js';
import { type Block, type SequenceOptions, settleInSequence, type Values } from './sequence.js';

/**
 * Sets the weights of a pruned network by one recipe, by some of what there is to see on all samples, and without judging what comes of
 * it: to plan by.
 * @returns the constants of the pruned network that are other than they were
 */
export async function settle(
  networks: Networks,
  blocks: readonly Block[],
  recipe: Recipe,
  options: SequenceOptions,
): Promise<Values> {
  const products = new Products(options.engine);
  try {
    const steps = new RecipeSteps(networks, blocks, products, true).of(recipe, () => 'fit', new Map());
    return await settleInSequence(networks, blocks, steps, options);
  } finally {
    await products.release();
  }
}
