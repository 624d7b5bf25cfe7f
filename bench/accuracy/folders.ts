import { join, resolve } from 'node:path';
import { SHARED } from '../../test/shared-folder.js';

/** What the benchmark trains and measures is kept here, outside of git. */
export const CACHE = resolve('.cache/accuracy');
/** CIFAR-10 as JPEGs in class folders: `train/` 20,000, `test/` 5,000. */
export const IMAGES = join(SHARED, 'data/cifar10-images/cifar10-b.zip');
export const TRAINED_MODELS = join(SHARED, 'models/trained');
