/** A job with everything that training has a state for, and what of its results must not depend on how it was run. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawShapes } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import type { JobOutcome } from '../../src/contract.js';
import { type PruneConfig, resolveConfig } from '../../src/prune-config/index.js';
import { smallClassifier } from '../support/job-bench.js';
import { modelFiles } from '../support/tfjs.js';

const EVERYTHING = {
  batch_size: 16,
  schedule: { type: 'cosine', warmup_epochs: 0.5 },
  label_smoothing: 0.05,
  distillation: { weight: 0.3 },
  augmentation: { horizontal_flip: true, crop_padding: 2, mixup: 0.2 },
  clip_norm: 4,
  ema_decay: 0.99,
};

/** The network has batch norm statistics and a dropout. One schedule prunes between epochs, the other within the only one. */
export const CONFIGS: Readonly<Record<'epochs' | 'iterations', PruneConfig>> = {
  epochs: resolve(
    { prune_times: 3 },
    { epochs: 6, optimizer: { type: 'adamw', learning_rate: 0.003 }, early_stopping: { patience: 2 } },
  ),
  iterations: resolve(
    { prune_times: 3, step_freq: 9 },
    { epochs: 1, optimizer: { type: 'sgd', learning_rate: 0.01, momentum: 0.9 } },
  ),
};

function resolve(algorithm: object, finetune: object): PruneConfig {
  const config = { seed: 5, algorithm, target: { macs: 0.5 }, finetune: { ...EVERYTHING, ...finetune } };
  return resolveConfig(config, { hasDataset: true });
}

/** Writes the model and its data. @returns them as a job's spec names them */
export async function writeInputs(folder: string) {
  const model = join(folder, 'model');
  await mkdir(model);
  for (const [name, bytes] of await modelFiles(smallClassifier())) await writeFile(join(model, name), bytes);
  const dataset = join(folder, 'data.npz');
  const { x, y } = drawShapes(520, 7);
  await writeNpz(dataset, { x_train: x, y_train: y });
  return {
    model: { path: model, name: 'model.json', sha256: '1'.repeat(64) },
    dataset: { path: dataset, name: 'data.npz', sha256: '2'.repeat(64) },
  };
}

/** The bytes of the model and all of the report that isn't a time. */
export async function resultsOf(outDir: string, { artifacts }: JobOutcome) {
  const { name } = artifacts.find((artifact) => artifact.name.startsWith('model'))!;
  const report = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'), (key, value) => {
    if (key === 'latency' || key === 'latency_ms' || key === 'seconds') return 'a time';
    return key === 'warnings' ? value.filter(({ code }: { code: string }) => code !== 'NOT_FASTER') : value;
  });
  return { model: (await readFile(join(outDir, name))).toString('base64'), report };
}
