/** Data set files to batches. */
export { type Augmenter, createAugmenter, type ImagePlanes, imagePlanes } from './augmentation.js';
export { type Dataset, inspectDataset, openDataset } from './dataset.js';
export { fitToModel, type LabelTarget, splitValidation } from './fit.js';
export type { Labels } from './labels.js';
export { type SeededRandom, seededRandom, shuffledOrder } from './random.js';
export { type Batch, type Scaling, type Split, subset } from './split.js';
