/** Jobs on samples without labels, when nobody says how to train: the original teaches, and nothing good is given away. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { drawShapes } from '../../../examples/shapes.js';
import { writeNpz } from '../../../examples/write-npz.js';
import type { JobResult } from '../../../src/contract.js';
import type { UnitReport } from '../../../src/report/unit-report.js';
import { type JobBench, openJobBench, smallClassifier } from '../../support/job-bench.js';
import { tf, useCpu } from '../../support/tfjs.js';

let bench: JobBench;

beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 1, validation: 1 });
  await writeNpz(bench.dataPath, { x_train: drawShapes(300, 1).x });
});

const reportOf = async (outDir: string): Promise<UnitReport<JobResult>> =>
  JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
const modelOf = (outDir: string) => readFile(join(outDir, 'model.zip'));
/** Channels are chosen such that there is something to recover. */
const L1 = { mutator_cfg: { channel_unit_cfg: { type: 'L1ChannelUnit' } } };
const ONCE = {
  target: { macs: 0.5 },
  allocation: 'uniform',
  recovery: { samples: 64 },
  algorithm: { prune_times: 1, ...L1 },
} as const;

test('where nothing is said of training: recovered, then distilled, as long as the budget lasts; again, the same bits', async () => {
  const config = { allocation: 'uniform', algorithm: L1 };
  const { outcome, outDir } = await bench.run(config);
  expect(outcome.result!.stages.map(({ stage }) => stage)).toEqual([
    'original',
    'pruned',
    'recovered',
    'distilled',
    'exported',
  ]);
  const { training, schedule } = await reportOf(outDir);
  expect(training).toMatchObject({
    outputs: [{ loss: 'cross_entropy', labels: 'none', distilled: true }],
    ...{ epochs: 240 / 9, epochs_trained: 240 / 9, steps: 240, budget: 2.5e12 },
    optimizer: { type: 'adam', learning_rate: 0.0003 },
  });
  expect(schedule).toHaveLength(1);
  const [, , recovered, distilled, exported] = outcome.result!.stages;
  expect(distilled.loss).toBeLessThanOrEqual(recovered.loss!);
  expect(exported.loss).toBeCloseTo(distilled.loss!, 6);
  expect((await modelOf((await bench.run(config)).outDir)).equals(await modelOf(outDir))).toBe(true);
});

test('a budget that ends within an epoch trains a part of it, and the report says so', async () => {
  const whole = await reportOf((await bench.run(ONCE)).outDir);
  const { baseline } = whole.summary;
  // Two steps of the five that 270 samples make.
  const budget = 3 * baseline.macs * 270 * 0.45;
  const { training } = await reportOf((await bench.run({ ...ONCE, finetune: { budget } })).outDir);
  expect(training).toMatchObject({ epochs: 4 / 9, epochs_trained: 4 / 9, steps: 4, budget });
});

const RUINOUS = { ...ONCE, finetune: { epochs: 2, optimizer: { learning_rate: 3 }, clip_norm: 1 } };

test('training that gains nothing on samples held back is discarded, resumed or not', async () => {
  const { outcome, outDir, recording } = await bench.run(RUINOUS);
  const { training } = await reportOf(outDir);
  expect(training).toMatchObject({ discarded: true, epochs_trained: 2 });
  expect(recording.warnings).toContain('TRAINING_DISCARDED');
  const [, , recovered, distilled, exported] = outcome.result!.stages;
  for (const { loss, agreement } of [distilled, exported]) {
    expect(loss).toBeCloseTo(recovered.loss!, 6);
    expect(agreement).toBe(recovered.agreement);
  }
  expect(outcome.result!.equivalence).toMatchObject({ ok: true });
  const checkpointDir = join(bench.folder, 'ruinous');
  const abort = new AbortController();
  const stopped = await bench.run(RUINOUS, {
    ...{ checkpointDir, signal: abort.signal },
    onMetric: ({ name, epoch }) => name === 'train_loss' && epoch === 1 && abort.abort(new Error('stopped')),
  });
  // A cancel goes back to what was recovered, too.
  expect(stopped.outcome.result!.pruned.loss).toBeCloseTo(recovered.loss!, 6);
  const resumed = await bench.run(RUINOUS, { checkpointDir });
  expect((await modelOf(resumed.outDir)).equals(await modelOf(outDir))).toBe(true);
  expect(await reportOf(resumed.outDir)).toMatchObject({ training });
});

test('canceled in its first epoch, a job delivers what was recovered, not a part of an epoch', async () => {
  const abort = new AbortController();
  const { outcome } = await bench.run(RUINOUS, {
    signal: abort.signal,
    onMetric: ({ name }) => name === 'train_loss' && abort.abort(new Error('stopped')),
  });
  const [, , recovered, exported] = outcome.result!.stages;
  expect([outcome.status, recovered.stage, exported.stage]).toEqual(['canceled', 'recovered', 'exported']);
  expect(exported.loss).toBeCloseTo(recovered.loss!, 6);
});

test('training that diverges, which nobody asked for, leaves what was recovered', async () => {
  const finetune = { epochs: 3, optimizer: { learning_rate: 1000 } };
  const { outcome, recording } = await bench.run({ ...ONCE, finetune });
  expect(outcome.status).toBe('succeeded');
  expect(recording.warnings).toContain('TRAINING_DISCARDED');
  const [, , recovered, , exported] = outcome.result!.stages;
  expect(exported.loss).toBeCloseTo(recovered.loss!, 6);
  await expect(bench.run({ ...ONCE, finetune: { ...finetune, distillation: {} } })).rejects.toMatchObject({
    code: 'TRAINING_DIVERGED',
  });
});

test('a model that nothing can be trained of is pruned all the same, unless training was asked for', async () => {
  const own = (seed: number) => ({ kernelInitializer: tf.initializers.glorotUniform({ seed }) });
  const net = tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [24, 24, 1],
        filters: 8,
        kernelSize: 3,
        strides: 4,
        activation: 'relu',
        ...own(1),
      }),
      tf.layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, activation: 'relu', ...own(2) }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 3, activation: 'softmax', ...own(3) }),
    ],
  });
  for (const layer of net.layers) layer.trainable = false;
  const frozen = await openJobBench(net, { train: 1, validation: 1 });
  const dataPath = bench.dataPath;
  const { outcome, recording } = await frozen.run({ allocation: 'uniform', algorithm: L1 }, { dataPath });
  expect(recording.warnings).toContain('NOT_TRAINED');
  expect(outcome.result!.stages.map(({ stage }) => stage)).toEqual(['original', 'pruned', 'recovered', 'exported']);
  await expect(frozen.run({ finetune: { distillation: {} } }, { dataPath })).rejects.toMatchObject({
    code: 'NOT_TRAINABLE',
  });
});

test('with labels, after recovery, the original is learned from too, unless it gets them wrong, or it is turned off', async () => {
  const x_train = drawShapes(300, 1).x;
  const { x } = drawShapes(300, 1);
  const pixels = tf.tensor(
    Float32Array.from(x.data as Uint8Array, (v) => v / 255),
    [300, 24, 24, 1],
  );
  const right = Int32Array.from((smallClassifier().predict(pixels) as tf.Tensor).argMax(1).dataSync());
  const distilled = async (labels: Int32Array, config: object = {}) => {
    const dataPath = join(bench.folder, `labelled-${labels[0]}.npz`);
    await writeNpz(dataPath, { x_train, y_train: { dtype: 'int32', shape: [300], data: labels } });
    const finetune = { epochs: 1, ...config };
    const { outDir } = await bench.run({ ...ONCE, scaling: '1/255', finetune }, { dataPath });
    return (await reportOf(outDir)).training!.outputs.map((output) => output.distilled);
  };
  const wrong = right.map((label) => (label + 1) % 10);
  expect(await distilled(right)).toEqual([true]);
  expect(await distilled(right, { distillation: false })).toEqual([false]);
  expect(await distilled(wrong)).toEqual([false]);
  expect(await distilled(wrong, { distillation: {} })).toEqual([true]);
});
