/** Nets that the benchmark trains itself, and how. */
import type { Graph } from '../../../src/graph/graph.js';
import type { PruneConfigInput } from '../../../src/prune-config/index.js';
import { residualNet } from './residual.js';
import { transformer } from './transformer.js';

export interface Recipe {
  readonly name: string;
  readonly build: (random: () => number) => Graph;
  readonly finetune: Exclude<PruneConfigInput['finetune'], false | undefined>;
}

const AUGMENTATION = { horizontal_flip: true, crop_padding: 4 };

export const RESIDUAL: Recipe = {
  name: 'residual',
  build: residualNet,
  finetune: {
    epochs: 12,
    batch_size: 32,
    optimizer: { type: 'sgd', learning_rate: 0.1, momentum: 0.9, weight_decay: 5e-4 },
    schedule: { type: 'cosine', warmup_epochs: 1 },
    augmentation: AUGMENTATION,
  },
};

export const TRANSFORMER: Recipe = {
  name: 'transformer',
  build: transformer,
  finetune: {
    epochs: 20,
    batch_size: 128,
    optimizer: { type: 'adamw', learning_rate: 0.001, weight_decay: 0.05 },
    schedule: { type: 'cosine', warmup_epochs: 2 },
    augmentation: AUGMENTATION,
  },
};
