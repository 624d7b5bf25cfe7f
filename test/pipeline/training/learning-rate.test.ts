import { expect, test } from 'vitest';
import type { SettledFinetune } from '../../../src/pipeline/feeding/settle-finetune.js';
import { learningRateAt } from '../../../src/pipeline/training/learning-rate.js';
import { resolveConfig } from '../../../src/prune-config/index.js';

function finetune(schedule: unknown): SettledFinetune {
  const config = { epochs: 8, optimizer: { type: 'sgd', learning_rate: 0.4 }, schedule };
  return resolveConfig({ finetune: config }, { hasDataset: true }).finetune as SettledFinetune;
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

test('a warmup rises to the base rate, its first step is no step of nothing, and the cosine has what is left', () => {
  const config = finetune({ type: 'cosine', warmup_epochs: 2 });
  expect(learningRateAt(config, 0, 0.1)).toBeCloseTo(0.02, 12);
  expect(learningRateAt(config, 1)).toBeCloseTo(0.2, 12);
  expect(learningRateAt(config, 1.95, 0.1)).toBeCloseTo(0.4, 12);
  expect(learningRateAt(config, 2, 0.1)).toBeCloseTo(0.4, 12);
  expect(learningRateAt(config, 5)).toBeCloseTo(0.2, 12);
  expect(learningRateAt(config, 8)).toBeCloseTo(0, 12);
});

test('steps are counted after the warmup', () => {
  const config = finetune({ type: 'step', step_size: 3, gamma: 0.1, warmup_epochs: 1 });
  expect(learningRateAt(config, 3.9)).toBeCloseTo(0.4, 12);
  expect(learningRateAt(config, 4)).toBeCloseTo(0.04, 12);
});
