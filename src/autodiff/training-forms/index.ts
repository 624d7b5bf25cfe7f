import { batchNormalizationForm } from './batch-normalization.js';
import { dropoutForm } from './dropout.js';
import type { TrainingForm } from './training-form.js';

/** Op kinds that compute something else in training than in evaluation. */
export const TRAINING_FORMS: ReadonlyMap<string, TrainingForm> = new Map(
  Object.entries({
    BatchNormalization: batchNormalizationForm,
    Dropout: dropoutForm,
  }),
);
