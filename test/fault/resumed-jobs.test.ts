import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawShapes, SHAPE_SIZE } from '../../examples/shapes.js';
import { pixels, zipOf } from '../support/image-files.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { useCpu } from '../support/tfjs.js';

const PLUGIN = resolve(import.meta.dirname, '../../examples/plugins/geometric-median.ts');
/** Kept channels shrink below pruned ones: a prune step that is taken again with later weights chooses others. */
const OPTIMIZER = { type: 'adamw', learning_rate: 0.05, weight_decay: 5 };
const FINETUNE = { epochs: 3, batch_size: 16, optimizer: OPTIMIZER };
const AUGMENTED = { ...FINETUNE, augmentation: { horizontal_flip: true, crop_padding: 1 }, ema_decay: 0.9 };
const CONFIG = { target: { macs: 0.5 }, algorithm: { prune_times: 3 }, finetune: AUGMENTED };

let bench: JobBench;
let folders = 0;

beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 128, validation: 40 });
});

type RunOptions = NonNullable<Parameters<JobBench['run']>[1]>;

/** Runs until the epoch's last step, with a checkpoint after each step before it. @returns where checkpoints are */
async function stopWithin(epoch: number, config: object, options: RunOptions = {}): Promise<string> {
  const checkpointDir = join(bench.folder, `stopped${folders++}`);
  const abort = new AbortController();
  const reason = new Error('stopped');
  const onMetric: RunOptions['onMetric'] = (metric) => {
    if (metric.name === 'train_loss' && metric.epoch === epoch) abort.abort(reason);
  };
  const run = bench.run(config, { ...options, checkpointDir, checkpointMs: 0, signal: abort.signal, onMetric });
  await run.catch((error) => {
    if (error !== reason) throw error;
  });
  return checkpointDir;
}

/** All that isn't a time or what else the process holds. */
async function reportOf(outDir: string) {
  return JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'), (key, value) => {
    if (key === 'latency' || key === 'latency_ms' || key === 'seconds') return null;
    if (key === 'message') return value.replaceAll(/-?\d+ MiB that are left/g, 'what is left');
    return key === 'warnings' ? value.filter(({ code }: { code: string }) => code !== 'NOT_FASTER') : value;
  });
}

describe('stopped within an epoch and resumed, a job ends with the bytes and the report of an undisturbed one', () => {
  test.each<[string, number, object, RunOptions, string]>([
    ['before its first epoch ends', 0, CONFIG, {}, 'resumed after step 7 of epoch 1 of 3'],
    ['after a later prune step', 1, CONFIG, {}, 'resumed after step 7 of epoch 2 of 3'],
    [
      'with prune steps within the epoch',
      0,
      { ...CONFIG, algorithm: { prune_times: 3, step_freq: 2 }, finetune: { ...AUGMENTED, epochs: 1 } },
      {},
      'resumed after step 7 of epoch 1 of 1',
    ],
    ['with batches in parts', 1, CONFIG, { memoryBytes: 1000 }, 'resumed after step 7 of epoch 2 of 3'],
    [
      'by an algorithm of the operator’s own, in the epoch of its prune step',
      1,
      { algorithm: { type: 'OneTimeAlgorithm', target_pruning_ratio: 0.5 }, finetune: AUGMENTED },
      { plugins: [PLUGIN] },
      'resumed after step 7 of epoch 2 of 3',
    ],
  ])('%s', async (_, epoch, config, options, log) => {
    await expectSame(epoch, config, options, log);
  });

  test('on images, of which one can not be read', async () => {
    const { x } = drawShapes(150, 1);
    const values = new Uint8Array(x.data.buffer, x.data.byteOffset, x.data.byteLength);
    const size = SHAPE_SIZE ** 2;
    const files: Record<string, Uint8Array> = {};
    for (let i = 0; i < 150; i++) {
      const image = values.subarray(i * size, (i + 1) * size);
      files[`${i % 10}/${i}.png`] = await pixels(image, SHAPE_SIZE, SHAPE_SIZE, 1);
    }
    const dataPath = await zipOf({ ...files, '7/7.png': files['7/7.png'].subarray(0, 60) });
    const log = 'resumed after step 8 of epoch 2 of 3';
    const { outcome } = await expectSame(1, CONFIG, { dataPath }, log);
    expect(outcome.warnings.filter(({ code }) => code === 'IMAGE_UNREADABLE')).toHaveLength(1);
  });

  async function expectSame(epoch: number, config: object, options: RunOptions, log: string) {
    const undisturbed = await bench.run(config, options);
    const checkpointDir = await stopWithin(epoch, config, options);
    const resumed = await bench.run(config, { ...options, checkpointDir });
    expect(resumed.recording.logs).toContain(log);
    expect(resumed.outcome.artifacts[0].sha256).toBe(undisturbed.outcome.artifacts[0].sha256);
    expect(await reportOf(resumed.outDir)).toEqual(await reportOf(undisturbed.outDir));
    const ofRest = undisturbed.recording.metrics.filter((metric) => metric.epoch! >= epoch);
    expect(resumed.recording.metrics).toEqual(ofRest);
    return resumed;
  }
});

test('resumed after its last epoch, a job reports how it was trained', async () => {
  const checkpointDir = join(bench.folder, 'ended');
  const options = { checkpointDir, memoryBytes: 1000 };
  const first = await bench.run(CONFIG, options);
  expect((await reportOf(first.outDir)).training.micro_batch_size).toBe(1);
  const second = await bench.run(CONFIG, options);
  expect(second.recording.logs).toContain('resumed after epoch 3 of 3');
  expect(await reportOf(second.outDir)).toEqual(await reportOf(first.outDir));
});

test('canceled within an epoch that has a checkpoint, a job goes back to the end of the one before', async () => {
  const abort = new AbortController();
  const { outcome, outDir, recording } = await bench.run(CONFIG, {
    checkpointMs: 0,
    signal: abort.signal,
    onMetric: ({ name, epoch }) => name === 'train_loss' && epoch === 1 && abort.abort(new Error('canceled')),
  });
  expect(outcome.status).toBe('canceled');
  const { schedule } = await reportOf(outDir);
  expect(schedule).toHaveLength(1);
  expect(schedule[0].macs).toBe(outcome.result!.pruned.macs);
  const scores = recording.metrics.filter(({ name }) => name === 'accuracy');
  expect(scores.map(({ value }) => value)).toEqual([outcome.result!.pruned.accuracy]);
});

describe('a checkpoint that is damaged is passed over with a warning, and the weights are the same', () => {
  let checkpointDir: string;
  let undisturbed: string;

  const resume = async () => {
    const { outcome, recording } = await bench.run(CONFIG, { checkpointDir });
    expect(outcome.artifacts[0].sha256).toBe(undisturbed);
    expect(recording.warnings).toContain('CHECKPOINT_DAMAGED');
    return recording.logs.find((line) => line.startsWith('resumed'));
  };

  test('the newest: the job goes on from the end of the epoch; all: it starts anew', async () => {
    undisturbed = (await bench.run(CONFIG)).outcome.artifacts[0].sha256;
    checkpointDir = await stopWithin(1, CONFIG);
    await truncate(join(checkpointDir, 'checkpoint-within-epoch.safetensors'), 1000);
    expect(await resume()).toBe('resumed after epoch 1 of 3');

    checkpointDir = await stopWithin(1, CONFIG);
    const newest = join(checkpointDir, 'checkpoint-within-epoch.safetensors');
    const bytes = await readFile(newest);
    bytes[bytes.length - 5] ^= 64;
    await writeFile(newest, bytes);
    await truncate(join(checkpointDir, 'checkpoint.safetensors'), 0);
    expect(await resume()).toBeUndefined();
  });
});
