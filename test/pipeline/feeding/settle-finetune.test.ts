/** What a config leaves open of training, settled by model and data. */
import { describe, expect, test } from 'vitest';
import { imagePlanes } from '../../../src/data/index.js';
import {
  settleAugmentation,
  settleFinetune,
  settleLength,
  settleTeaching,
} from '../../../src/pipeline/feeding/settle-finetune.js';
import {
  DEFAULT_BUDGET,
  type FinetuneConfig,
  type OptimizerConfig,
  resolveConfig,
} from '../../../src/prune-config/index.js';

const RESNET_20 = 41e6;
const finetune = (config: object) =>
  resolveConfig({ finetune: config }, { hasDataset: true }).finetune as FinetuneConfig;
const length = (config: object, trained: object = {}) =>
  settleLength(finetune(config), { samples: 1000, macs: 1e6, labelled: true, leastEpochs: 1, ...trained });

describe('how long is trained', () => {
  test('epochs that are named win over a budget', () => {
    expect(length({ epochs: 3, budget: 1 })).toEqual({ epochs: 3, iterationsPerEpoch: 32 });
  });

  test.each([
    ['1,000 samples of a ResNet-20: the most epochs', { macs: RESNET_20, labelled: false }, 10, 32],
    ['with labels', { macs: RESNET_20 }, 6, 32],
    ['few samples without labels: enough steps', { macs: RESNET_20, labelled: false, samples: 115 }, 10, 24],
    ['few samples in many batches', { macs: 1e6, labelled: false, samples: 400 }, 10, 24],
    ['few samples with labels', { macs: RESNET_20, samples: 115 }, 6, 4],
    ['so few that they would be learned by heart', { macs: RESNET_20, labelled: false, samples: 31 }, 10, 1],
    // 2.5e12 / (3 · 41e6 · 10,000) = 2.03 epochs of 313 steps.
    ['10,000 samples: two epochs', { macs: RESNET_20, samples: 10_000 }, 3, 212],
    ['a large network: a part of an epoch', { macs: 4e9, samples: 10_000 }, 1, 6],
    ['a huge one: a step', { macs: 1e13 }, 1, 1],
    ['no multiply-adds at all', { macs: 0 }, 6, 32],
  ])('the default budget. %s', (_name, trained, epochs, iterationsPerEpoch) => {
    expect(length({}, trained)).toEqual({ epochs, iterationsPerEpoch });
  });

  test('never costs more than the budget, and a step less than that is left at most in each epoch', () => {
    for (const share of [0.01, 0.3, 0.99, 1, 1.01, 1.5, 2, 2.4, 7.77]) {
      const step = 3 * 1e6 * 64;
      const budget = share * 16 * step;
      const { epochs, iterationsPerEpoch } = length({ budget, batch_size: 64 }, { samples: 1024 });
      expect(epochs).toBe(Math.max(1, Math.ceil(Math.floor(16 * share) / 16)));
      const spent = epochs * iterationsPerEpoch * step;
      if (share > 1 / 16) expect(spent).toBeLessThanOrEqual(budget);
      expect(budget - spent).toBeLessThan((epochs + 1) * step);
    }
  });

  test('a budget that is named is spent, past the default number of epochs', () => {
    expect(length({ budget: 3e11 }).epochs).toBe(100);
    expect(length({ budget: 1e21 }).epochs).toBe(10_000);
  });

  test('several prune steps have whole epochs, as many as they need', () => {
    const steps = { leastEpochs: 5 };
    expect(length({ budget: 1 }, steps)).toEqual({ epochs: 5, iterationsPerEpoch: 32 });
    expect(length({ budget: 7.9 * 3e9 }, steps)).toEqual({ epochs: 7, iterationsPerEpoch: 32 });
    const few = { ...steps, samples: 115, labelled: false };
    expect(length({}, few)).toEqual({ epochs: 10, iterationsPerEpoch: 24 });
    expect(length({}, { ...few, macs: 1e11 })).toEqual({ epochs: 5, iterationsPerEpoch: 4 });
  });

  test.each([
    ['just enough', 1.2e8, 3, 64, 120],
    ['just not', 1.22e8, 3, 64, 118],
    ['more prune steps than epochs', 1.2e8, 40, 64, 120],
    ['one prune step', 1.22e8, 1, 64, 118],
    ['one batch', 3.8e8, 1, 128, 19],
  ])(
    'few samples: a budget is spent, and no more than that: %s',
    (_name, macs, leastEpochs, batch_size, affordable) => {
      const { epochs, iterationsPerEpoch } = length(
        { batch_size },
        { samples: 115, labelled: false, macs, leastEpochs },
      );
      expect(epochs).toBeGreaterThanOrEqual(Math.min(5, leastEpochs));
      expect(epochs * iterationsPerEpoch).toBeLessThanOrEqual(affordable);
      expect(epochs * iterationsPerEpoch).toBeGreaterThanOrEqual(0.9 * affordable);
    },
  );

  test('what it follows from is kept, and a warmup must leave something', () => {
    const settle = (config: object) =>
      settleFinetune(finetune(config), { samples: 64, macs: 1, labelled: true, leastEpochs: 1 });
    expect(settle({})).toMatchObject({ epochs: 6, iterationsPerEpoch: 2, budget: DEFAULT_BUDGET });
    expect(settle({ epochs: 2 })).not.toHaveProperty('budget');
    expect(() => settle({ budget: 200, schedule: { warmup_epochs: 2 } })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        errors: [expect.objectContaining({ pointer: '/config/finetune/schedule/warmup_epochs' })],
      }),
    );
  });
});

describe('how far a step goes', () => {
  const few = { samples: 100, macs: 1, labelled: false, leastEpochs: 1 };
  const settle = (trained: typeof few, config: object = {}) => {
    const { optimizer, keepsStatistics } = settleFinetune(finetune(config), trained);
    return [optimizer.type, optimizer.learning_rate, keepsStatistics];
  };

  test.each([
    ['few samples without labels: batch norms stay as they are', few, {}, ['adam', 0.0003, true]],
    ['many samples', { ...few, samples: 1000 }, {}, ['sgd', 0.003, false]],
    ['labels', { ...few, labelled: true }, {}, ['sgd', 0.003, false]],
    ['a rate that is named', few, { optimizer: { learning_rate: 0.02 } }, ['sgd', 0.02, false]],
    ['another optimizer', few, { optimizer: { type: 'adam' } }, ['adam', 0.001, false]],
    ['a field of it', few, { optimizer: { momentum: 0 } }, ['sgd', 0.003, false]],
  ])('%s', (_name, trained, config, settled) => {
    expect(settle(trained, config)).toEqual(settled);
  });
});

test('a job that an older version took has an optimizer without a rate: the data settle it', () => {
  const older = { type: 'sgd', momentum: 0.9, weight_decay: 5e-4 } as unknown as OptimizerConfig;
  const trained = { samples: 1000, macs: 1, labelled: true, leastEpochs: 1 };
  expect(settleFinetune({ ...finetune({}), optimizer: older }, trained).optimizer.learning_rate).toBe(0.003);
});

describe('what samples go through', () => {
  const picture = { outer: 3, height: 32, width: 40, inner: 1 };
  const moved = { horizontal_flip: true, vertical_flip: false, crop_padding: 4, mixup: 0 };
  const few = { samples: 100, labelled: false };
  const settle = (planes: typeof picture | undefined, trained = few, config: object = {}) =>
    settleAugmentation(finetune(config), planes, trained);

  test('few pictures without labels are mirrored and moved', () => {
    expect(settle(picture)).toEqual(moved);
    expect(settle({ outer: 1, height: 32, width: 32, inner: 3 })).toEqual(moved);
  });

  test.each([
    ['labels', picture, { ...few, labelled: true }],
    ['many of them', picture, { ...few, samples: 1000 }],
    ['a handful', picture, { ...few, samples: 7 }],
    ['what is no image', undefined, few],
    ['a spectrum', { ...picture, outer: 1, width: 10 }, few],
    ['a stack of maps', { ...picture, outer: 16 }, few],
    ['rows of vectors', imagePlanes([128, 64], false), few],
    ['one color', imagePlanes([1, 28, 28], true), few],
  ])('not with %s', (_name, planes, trained) => {
    expect(settle(planes, trained)).toBeUndefined();
  });

  test('what is named is what they go through', () => {
    expect(settle(picture, few, { augmentation: {} })).toMatchObject({ horizontal_flip: false, crop_padding: 0 });
  });
});

describe('what the original teaches', () => {
  const usual = { weight: 0.5, temperature: 4 };
  const teach = (distillation: FinetuneConfig['distillation'], method: 'auto' | 'none', hasLabels: boolean) => {
    const { alone, beside } = settleTeaching({ distillation }, { method, samples: 1, add_biases: true }, hasLabels);
    return [alone, beside?.('cross_entropy'), beside?.('mse')];
  };

  test.each([
    ['without labels: everything', undefined, 'auto', false, [usual, undefined, undefined]],
    ['without labels and recovery, too', undefined, 'none', false, [usual, undefined, undefined]],
    ['with labels, after recovery: classes', undefined, 'auto', true, [undefined, usual, undefined]],
    ['with labels, without recovery: nothing', undefined, 'none', true, [undefined, undefined, undefined]],
    ['as named', { weight: 0.1, temperature: 2 }, 'none', true, Array(3).fill({ weight: 0.1, temperature: 2 })],
    ['turned off', false, 'auto', true, [undefined, undefined, undefined]],
  ] as const)('%s', (_name, distillation, method, hasLabels, taught) => {
    expect(teach(distillation, method, hasLabels)).toEqual(taught);
  });
});
