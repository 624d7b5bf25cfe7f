import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { JobListener } from '../../../src/contract.js';
import { openEngine } from '../../../src/engine/index.js';
import { trainModel } from '../../../src/pipeline/index.js';
import { resolveConfig } from '../../../src/prune-config/index.js';
import { CPU_ENGINE } from '../../engine/cpu-engine.js';
import { type JobBench, openJobBench, smallClassifier } from '../../support/job-bench.js';
import { useCpu } from '../../support/tfjs.js';

const FINETUNE = { epochs: 3, batch_size: 32, augmentation: { horizontal_flip: true, crop_padding: 1 } };
const CONFIG = resolveConfig({ finetune: FINETUNE, scaling: '1/255' }, { hasDataset: true });

let bench: JobBench;
beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 96, validation: 32 });
});

/** @param onEpoch hears of each epoch that is trained */
async function train(
  onEpoch: (epoch: number) => void,
  config = CONFIG,
  checkpoints?: string,
  dataset = bench.dataPath,
) {
  const listener: JobListener = {
    phase() {},
    progress() {},
    metric: ({ name, epoch }) => {
      if (name === 'train_loss') onEpoch(epoch!);
    },
    warning() {},
    log() {},
  };
  const engine = await openEngine({ engine: CPU_ENGINE, threads: 1, notice: () => {} });
  const files = { model: bench.modelPath, dataset, ...(checkpoints && { checkpoints }) };
  return trainModel(files, config, engine, listener);
}

test('stopped in an epoch, it goes on after the one before and ends with the bits of an undisturbed training', async () => {
  const whole = await train(() => {});
  const folder = await mkdtemp(join(tmpdir(), 'espalier-train-'));
  const stopped = train(
    (epoch) => {
      if (epoch === 1) throw new Error('stopped');
    },
    CONFIG,
    folder,
  );
  await expect(stopped).rejects.toThrow('stopped');
  const epochs: number[] = [];
  const resumed = await train((epoch) => epochs.push(epoch), CONFIG, folder);
  expect(epochs).toEqual([1, 2]);
  expect(resumed.score).toEqual(whole.score);
  expect([...resumed.files]).toEqual([...whole.files]);
});

test('a checkpoint of another config is not gone on from', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-train-'));
  await train(() => {}, CONFIG, folder);
  const epochs: number[] = [];
  await train(
    (epoch) => epochs.push(epoch),
    resolveConfig({ finetune: FINETUNE, scaling: '1/255', seed: 1 }, { hasDataset: true }),
    folder,
  );
  expect(epochs).toEqual([0, 1, 2]);
});

test('a checkpoint of other data is not gone on from', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-train-'));
  await train(() => {}, CONFIG, folder);
  const other = await openJobBench(smallClassifier(), { train: 64, validation: 32 });
  const epochs: number[] = [];
  await train((epoch) => epochs.push(epoch), CONFIG, folder, other.dataPath);
  expect(epochs).toEqual([0, 1, 2]);
});
