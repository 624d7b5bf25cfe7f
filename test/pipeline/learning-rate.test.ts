import { expect, test } from 'vitest';
import { learningRateAt } from '../../src/pipeline/learning-rate.js';
import type { FinetuneConfig } from '../../src/prune-config/index.js';

function finetune(schedule: FinetuneConfig['schedule']): FinetuneConfig {
  return {
    epochs: 8,
    batch_size: 32,
    optimizer: { type: 'sgd', learning_rate: 0.4, momentum: 0.9, weight_decay: 0 },
    schedule,
    loss: 'auto',
    validation_split: 0.1,
    shuffle: true,
  };
}

test('constant stays', () => {
  const config = finetune({ type: 'constant' });
  expect([0, 3.7, 8].map((e) => learningRateAt(config, e))).toEqual([0.4, 0.4, 0.4]);
});

test('step falls by gamma at whole multiples of step_size, not between', () => {
  const config = finetune({ type: 'step', step_size: 3, gamma: 0.1 });
  expect(learningRateAt(config, 2.99)).toBeCloseTo(0.4, 12);
  expect(learningRateAt(config, 3)).toBeCloseTo(0.04, 12);
  expect(learningRateAt(config, 6.5)).toBeCloseTo(0.004, 12);
});

test('cosine starts at the base rate, is half in the middle and 0 at the end', () => {
  const config = finetune({ type: 'cosine' });
  expect(learningRateAt(config, 0)).toBeCloseTo(0.4, 12);
  expect(learningRateAt(config, 4)).toBeCloseTo(0.2, 12);
  expect(learningRateAt(config, 8)).toBeCloseTo(0, 12);
});
