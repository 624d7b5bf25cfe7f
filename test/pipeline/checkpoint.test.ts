import { mkdtemp, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { type Checkpoint, findCheckpoint, saveCheckpoint } from '../../src/pipeline/checkpoint.js';

const SCORE = { accuracy: 0.5, loss: 1.25, metrics: [{ output: 'y', metric: 'accuracy', value: 0.5 } as const] };

const checkpoint: Checkpoint = {
  fingerprint: 'abc',
  epoch: 3,
  steps: 120,
  masks: { 'conv_(0, 4)_4': [0, 1, 0, 1] },
  schedule: [],
  importances: { 'conv_(0, 4)_4': [0.1, 0.5, 0.2, 0.6], other: null },
  score: SCORE,
  generator: [1, 2, 3, 4294967295],
  microBatch: 16,
  stopping: {
    waited: 1,
    counts: true,
    best: { epoch: 1, score: SCORE, constants: new Map([['conv/kernel', tensor('float32', [1], [0.1])]]) },
  },
  constants: new Map<string, Tensor>([
    ['conv/kernel', tensor('float32', [2, 3], [1, -2, 3.5, Number.MIN_VALUE, 1e-38, 7])],
    ['count', tensor('int64', [], [42])],
    ['mask', tensor('bool', [3], [1, 0, 1])],
  ]),
  slots: new Map([['momentum', new Map([['conv/kernel', tensor('float32', [2, 3], [6, 5, 4, 3, 2, 1])]])]]),
};

test('a checkpoint comes back bit for bit', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  await saveCheckpoint(folder, checkpoint);
  expect(await findCheckpoint(folder, 'abc')).toEqual(checkpoint);
});

test('a checkpoint of another job is not resumed, none is no error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  expect(await findCheckpoint(folder, 'abc')).toBeUndefined();
  await saveCheckpoint(folder, checkpoint);
  expect(await findCheckpoint(folder, 'other')).toBeUndefined();
});

test('a half-written temporary file does not disturb the checkpoint beside it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  await saveCheckpoint(folder, checkpoint);
  const bytes = await readFile(join(folder, 'checkpoint.safetensors'));
  await writeFile(join(folder, 'checkpoint.safetensors.tmp'), bytes.subarray(0, 50));
  expect(await findCheckpoint(folder, 'abc')).toEqual(checkpoint);
});

test('a truncated file says so', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  await saveCheckpoint(folder, checkpoint);
  const path = join(folder, 'checkpoint.safetensors');
  await truncate(path, (await readFile(path)).length - 8);
  await expect(findCheckpoint(folder, 'abc')).rejects.toThrow(/safetensors/);
});
