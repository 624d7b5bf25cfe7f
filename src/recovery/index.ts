/**
 * Recovery: the weights of a pruned network set anew so that it computes what the original does, by some samples, without labels and
 * without training.
 *
 * Words:
 * - **site**: a layer whose weights can be solved for. **rows**: what its weights are multiplied with, one for each output position.
 * - **target**: what the site is to give: the original's output there, with its bias or batch norm, before any activation.
 * - **moments**: sums of products of rows and targets; least squares need nothing else.
 * - **step**: what is settled at one place of the network. **level**: steps that don't depend on each other.
 * - **recipe**: a way to recover. Several are tried, and judged by samples that none was fitted to.
 */

export { rankByActivation, rankByActivity, rankByWeightedActivation } from './activation-ranks.js';
export { isComparable } from './divergence.js';
export { type Reading, readUnits } from './readings.js';
export { RECIPES, type Recipe, type RecipeName } from './recipes.js';
export { type Recovered, recover } from './recover.js';
export { rankByLoss } from './selection.js';
export { type Losses, measureLosses, measureSensitivities, type Readings, type Trial } from './sensitivity.js';
export { type Block, partOf, samplesOf } from './sequence.js';
export { settle } from './settle.js';
export { withNeededSpares } from './spare-biases.js';
export { sampleLayout, synthesizeSamples } from './synthesis/index.js';
