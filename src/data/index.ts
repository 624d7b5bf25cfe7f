/** Data set files to batches. */
export { type Dataset, inspectDataset, openDataset } from './dataset.js';
export { fitToModel, splitValidation } from './fit.js';
export { type SeededRandom, seededRandom, shuffledOrder } from './random.js';
export { type Batch, type Labels, type Scaling, type Split, subset } from './split.js';
