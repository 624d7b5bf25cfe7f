import { copyFile, mkdtemp, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import type { HeadedScore } from '../../../src/pipeline/measuring/score.js';
import {
  type Checkpoint,
  findCheckpoint,
  findEpochEnd,
  saveCheckpoint,
} from '../../../src/pipeline/training/checkpoint.js';

const SCORE: HeadedScore = {
  accuracy: 0.5,
  loss: 1.25,
  metrics: [{ output: 'y', metric: 'accuracy', value: 0.5 }],
  agreement: 0.75,
  samples: 40,
  interval: [0.352, 0.648],
};

const checkpoint: Checkpoint = {
  fingerprint: 'abc',
  epoch: 3,
  steps: 120,
  masks: { 'conv_(0, 4)_4': [0, 1, 0, 1] },
  schedule: [],
  importances: { 'conv_(0, 4)_4': [0.1, 0.5, 0.2, 0.6], other: null },
  score: SCORE,
  generator: [1, 2, 3, 4294967295],
  plan: { batchSize: 32, microBatch: 16, wholeBytes: 1000, bytes: 500, availableBytes: null },
  stages: {
    rows: [
      { stage: 'pruned', accuracy: 0.1, loss: 2.5, agreement: 0.2, samples: 40, interval: [0.04, 0.23], seconds: 1.25 },
    ],
    seconds: 0.1 + 0.2,
  },
  warnings: [{ code: 'MICRO_BATCHES', message: 'in parts' }],
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

const EPOCH_END = 'checkpoint.safetensors';
const WITHIN_EPOCH = 'checkpoint-within-epoch.safetensors';

/** Half an epoch later. */
const within = ((): Checkpoint => {
  const { score: _, ...rest } = checkpoint;
  return { ...rest, steps: 140, within: { iterations: 20, loss: 0.1 + 0.2, scores: [7, 1e-17] } };
})();

let folder: string;
let damages: string[];
const find = (fingerprint = 'abc') => findCheckpoint(folder, fingerprint, (message) => damages.push(message));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  damages = [];
});

test('a checkpoint comes back bit for bit', async () => {
  await saveCheckpoint(folder, checkpoint);
  expect(await find()).toEqual(checkpoint);
});

test('the newest is resumed, and the end of the last epoch stays for whoever cancels', async () => {
  await saveCheckpoint(folder, checkpoint);
  await saveCheckpoint(folder, within);
  expect(await find()).toEqual(within);
  expect(await findEpochEnd(folder, 'abc', () => {})).toEqual(checkpoint);
  const next = { ...checkpoint, epoch: 4, steps: 160 };
  await saveCheckpoint(folder, next);
  expect(await find()).toEqual(next);
});

test('a checkpoint of another job is not resumed, none is no error', async () => {
  expect(await find()).toBeUndefined();
  await saveCheckpoint(folder, checkpoint);
  expect(await find('other')).toBeUndefined();
  expect(damages).toEqual([]);
});

test('a half-written temporary file does not disturb the checkpoint beside it', async () => {
  await saveCheckpoint(folder, checkpoint);
  const bytes = await readFile(join(folder, EPOCH_END));
  await writeFile(join(folder, `${EPOCH_END}.tmp`), bytes.subarray(0, 50));
  expect(await find()).toEqual(checkpoint);
});

describe('a damaged file', () => {
  const flip = (bytes: Buffer, at: number) => bytes.with(at, bytes[at] ^ 1);

  test.each<[string, (bytes: Buffer) => Uint8Array, RegExp]>([
    ['empty', () => new Uint8Array(), /0 bytes, a header needs 8/],
    ['cut in the header', (bytes) => bytes.subarray(0, 100), /header of \d+ bytes in a file of 100/],
    ['cut in the tensors', (bytes) => bytes.subarray(0, bytes.length - 8), /safetensors: .* has \d+ bytes/],
    ['of zeros', (bytes) => new Uint8Array(bytes.length), /./],
    ['with a bit of a weight turned over', (bytes) => flip(bytes, bytes.length - 1), /its SHA-256 is another/],
    ['with another number of steps', (bytes) => replaced(bytes, '\\"steps\\":140', '\\"steps\\":141'), /SHA-256/],
  ])('%s is passed over, and the one before it is taken', async (_, damage, why) => {
    await saveCheckpoint(folder, checkpoint);
    await saveCheckpoint(folder, within);
    await copyFile(join(folder, WITHIN_EPOCH), join(folder, 'whole'));
    await writeFile(join(folder, WITHIN_EPOCH), damage(await readFile(join(folder, WITHIN_EPOCH))));
    expect(await find()).toEqual(checkpoint);
    expect(damages).toEqual([expect.stringMatching(why)]);
    expect(damages[0]).toContain(WITHIN_EPOCH);
    await copyFile(join(folder, 'whole'), join(folder, WITHIN_EPOCH));
    await truncate(join(folder, EPOCH_END), 3);
    expect(await find()).toEqual(within);
    expect(await findEpochEnd(folder, 'abc', () => {})).toBeUndefined();
  });
});

function replaced(bytes: Buffer, what: string, by: string): Buffer {
  const at = bytes.indexOf(what);
  expect(at).toBeGreaterThan(0);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(by), bytes.subarray(at + what.length)]);
}
