/** A way to recover: how each layer is set, and by whose activations; undefined: the network stays as it is. */
export interface Recipe {
  readonly name: RecipeName;
  readonly weights?: 'least_squares' | 'statistics';
  /** Whose activations weights are fitted to: those of the pruned network, or the original's less the channels that went. */
  readonly inputs?: 'pruned' | 'original';
}

export type RecipeName = 'none' | 'statistics' | 'least_squares' | 'least_squares_on_original';

/** `least_squares_on_original` has no drift to overfit to. */
export const RECIPES: Readonly<Record<RecipeName, Recipe>> = {
  none: { name: 'none' },
  statistics: { name: 'statistics', weights: 'statistics', inputs: 'pruned' },
  least_squares: { name: 'least_squares', weights: 'least_squares', inputs: 'pruned' },
  least_squares_on_original: { name: 'least_squares_on_original', weights: 'least_squares', inputs: 'original' },
};
