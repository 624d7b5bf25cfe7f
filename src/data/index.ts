/** Data set files to batches. */
export { type Augmenter, createAugmenter } from './augmentation.js';
export { type Dataset, inspectDataset, openDataset } from './dataset.js';
export { fitToModel, imageExtents, type LabelTarget, splitValidation } from './fit.js';
export type { DatasetReading } from './format.js';
export { type ImagePlanes, imagePlanes } from './image-planes.js';
export type { Labels } from './labels.js';
export { type SeededRandom, seededRandom, shuffledOrder } from './random.js';
export { type Batch, type Scaling, type Split, subset } from './split.js';
