/** What a job tells of each of its steps: with labels, without, without data, resumed and canceled. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawShapes } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import { openFileSet } from '../../src/archive/index.js';
import type { JobOutcome, StageRow } from '../../src/contract.js';
import { shareInterval } from '../../src/pipeline/measuring/interval.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { loadStock, tf, useCpu } from '../support/tfjs.js';

const FINETUNE = { epochs: 3, batch_size: 32, optimizer: { type: 'adam', learning_rate: 0.01 } };
/** Weights change by training alone. */
const RAW = { recovery: { method: 'none' } };
const L1 = { mutator_cfg: { channel_unit_cfg: { type: 'L1ChannelUnit' } } };
const CONFIG = {
  target: { macs: 0.5 },
  algorithm: { prune_times: 2, ...L1 },
  allocation: 'global',
  finetune: FINETUNE,
  ...RAW,
};

beforeAll(useCpu);

const stagesOf = ({ result }: JobOutcome) => result!.stages.map(({ stage }) => stage);
const codesOf = ({ warnings }: JobOutcome) => warnings.map(({ code }) => code).filter((code) => code !== 'NOT_FASTER');
const withoutSeconds = ({ result }: JobOutcome) => result!.stages.map(({ seconds: _, ...row }) => row);
const reportOf = async (outDir: string) => JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));

/** The class that stock TensorFlow.js finds for each sample. */
async function classesBy(model: tf.LayersModel, samples: number, seed: number): Promise<number[]> {
  const { x } = drawShapes(samples, seed);
  const pixels = Float32Array.from(x.data as Uint8Array, (v) => v / 255);
  const scores = model.predict(tf.tensor(pixels, [samples, 24, 24, 1])) as tf.Tensor;
  return Array.from(scores.argMax(1).dataSync());
}

async function delivered(outDir: string): Promise<tf.LayersModel> {
  const files = await openFileSet(join(outDir, 'model.zip'));
  const entries = await Promise.all(files.names.map(async (name) => [name, await files.read(name)] as const));
  await files.close();
  return loadStock(new Map(entries));
}

const shareOfEqual = (a: readonly number[], b: readonly number[]) =>
  a.filter((each, i) => each === b[i]).length / a.length;

describe('with labels', () => {
  let bench: JobBench;
  beforeAll(async () => {
    bench = await openJobBench(smallClassifier(), { train: 320, validation: 100 });
  });

  test('each step has its row, in the result and in the report; the figures are those of the schedule', async () => {
    const { outcome, outDir } = await bench.run(CONFIG);
    const { stages, baseline, pruned } = outcome.result!;
    const { summary, schedule } = await reportOf(outDir);
    expect(summary.stages).toEqual(stages);
    expect(summary.headline).toBe(outcome.result!.headline);
    expect(stagesOf(outcome)).toEqual(['original', 'pruned', 'finetuned', 'exported']);
    const [original, raw, finetuned, exported] = stages;
    expect(original).toMatchObject({ accuracy: baseline.accuracy, loss: baseline.loss, agreement: 1 });
    expect(schedule).toHaveLength(2);
    expect(raw.accuracy).toBe(schedule[1].accuracy_before_finetune);
    expect(finetuned.accuracy).toBe(schedule[1].accuracy_after_finetune);
    expect(exported).toMatchObject({ accuracy: pruned.accuracy, loss: pruned.loss, agreement: pruned.agreement });
    expect(exported.accuracy).toBe(finetuned.accuracy);
    for (const { accuracy, samples, interval, seconds } of stages) {
      expect(samples).toBe(100);
      expect(interval).toEqual(shareInterval(accuracy!, 100));
      expect(seconds).toBeGreaterThan(0);
    }
  });

  test('agreement and the headline are what stock TensorFlow.js finds', async () => {
    const { outcome, outDir } = await bench.run(CONFIG);
    const [before, after] = [
      await classesBy(smallClassifier(), 100, 2),
      await classesBy(await delivered(outDir), 100, 2),
    ];
    expect(outcome.result!.pruned.agreement).toBeCloseTo(shareOfEqual(before, after), 10);
    expect(outcome.result!.headline).toMatch(
      /^(Half|\d+ %) of the MACs; accuracy [\d.]+ % → [\d.]+ % \(95 % interval [\d.]+ to [\d.]+, 100 samples\)$/,
    );
    expect(codesOf(outcome)).toEqual([]);
  });

  test('untrained, the file is the raw pruned model: one measurement makes both rows', async () => {
    const { outcome } = await bench.run({ target: { macs: 0.5 }, finetune: false, ...RAW });
    expect(stagesOf(outcome)).toEqual(['original', 'pruned', 'exported']);
    const [, { stage: _, seconds: __, ...raw }, exported] = outcome.result!.stages;
    expect(exported).toMatchObject(raw);
    expect(raw.accuracy).not.toBeNull();
  });

  test('recovered, the row before is of what was pruned; untrained, the file is what was recovered', async () => {
    const recovery = { method: 'least_squares', samples: 64 };
    const config = { ...CONFIG, recovery };
    const { outcome, outDir } = await bench.run(config);
    expect(stagesOf(outcome)).toEqual(['original', 'pruned', 'recovered', 'finetuned', 'exported']);
    const [, raw, recovered] = outcome.result!.stages;
    expect(recovered.accuracy).toBe((await reportOf(outDir)).schedule[1].accuracy_before_finetune);
    expect(recovered.agreement).toBeGreaterThan(raw.agreement!);
    const checkpointDir = join(bench.folder, 'stages-recovered');
    const abort = new AbortController();
    await bench.run(config, {
      ...{ checkpointDir, checkpointMs: 0, signal: abort.signal },
      onMetric: ({ name, epoch }) => name === 'train_loss' && epoch === 1 && abort.abort(new Error('stopped')),
    });
    expect(withoutSeconds((await bench.run(config, { checkpointDir })).outcome)).toEqual(withoutSeconds(outcome));

    const untrained = await bench.run({
      target: { macs: 0.5 },
      finetune: false,
      recovery,
      allocation: 'uniform',
      algorithm: L1,
    });
    expect(stagesOf(untrained.outcome)).toEqual(['original', 'pruned', 'recovered', 'exported']);
    const [, before, { stage: _, seconds: __, ...after }, exported] = untrained.outcome.result!.stages;
    expect(exported).toMatchObject(after);
    expect(after.agreement).toBeGreaterThan(before.agreement!);
  });

  test('resumed from any epoch and from within one, the rows are those of an undisturbed job', async () => {
    const undisturbed = withoutSeconds((await bench.run(CONFIG)).outcome);
    for (const epoch of [0, 1, 2]) {
      for (const checkpointMs of [0, 1e9]) {
        const checkpointDir = join(bench.folder, `stages-${epoch}-${checkpointMs}`);
        const abort = new AbortController();
        const reason = new Error('stopped');
        const stopped = bench.run(CONFIG, {
          ...{ checkpointDir, checkpointMs, signal: abort.signal },
          onMetric: ({ name, epoch: at }) => name === 'train_loss' && at === epoch && abort.abort(reason),
        });
        expect((await stopped).outcome.status).toBe('canceled');
        const { outcome } = await bench.run(CONFIG, { checkpointDir });
        expect(withoutSeconds(outcome)).toEqual(undisturbed);
      }
    }
  });

  test('resumed after its end, too', async () => {
    const checkpointDir = join(bench.folder, 'stages-ended');
    const config = { ...CONFIG, finetune: { ...FINETUNE, early_stopping: { patience: 1 }, ema_decay: 0.9 } };
    const first = withoutSeconds((await bench.run(config, { checkpointDir })).outcome);
    const { outcome } = await bench.run(config, { checkpointDir });
    expect(withoutSeconds(outcome)).toEqual(first);
  });

  test('canceled, it has the rows of the point that it went back to', async () => {
    const run = (stopAfter: number) => {
      const abort = new AbortController();
      return bench.run(CONFIG, {
        signal: abort.signal,
        onMetric: ({ name, epoch }) => name === 'train_loss' && epoch === stopAfter && abort.abort(new Error('stop')),
      });
    };
    // In the second epoch, after the second prune step: it goes back to the end of the first.
    const later = await run(1);
    const { schedule } = await reportOf(later.outDir);
    expect(stagesOf(later.outcome)).toEqual(['original', 'pruned', 'finetuned', 'exported']);
    const [, raw, finetuned, exported] = later.outcome.result!.stages;
    expect(schedule).toHaveLength(1);
    expect(raw.accuracy).toBe(schedule[0].accuracy_before_finetune);
    expect(finetuned.accuracy).toBe(schedule[0].accuracy_after_finetune);
    const after = await classesBy(await delivered(later.outDir), 100, 2);
    const labels = Array.from(drawShapes(100, 2).y.data as Int32Array);
    expect(exported.accuracy).toBeCloseTo(shareOfEqual(after, labels), 10);
    expect(exported.agreement).toBeCloseTo(shareOfEqual(after, await classesBy(smallClassifier(), 100, 2)), 10);
    expect(later.outcome.result!.headline).toMatch(/^Canceled before its end: /);
    // In the first epoch: there is no point to go back to, and what was trained is measured as it is delivered.
    const early = await run(0);
    expect(stagesOf(early.outcome)).toEqual(['original', 'pruned', 'exported']);
    expect(early.outcome.result!.stages[2].loss).not.toBe(early.outcome.result!.stages[1].loss);
  });

  test('a drop is warned of, and few samples are, once however often it is resumed', async () => {
    const few = await openJobBench(smallClassifier(), { train: 64, validation: 40 });
    // The original is as good as this data set lets it be: it made the labels.
    const [train, held] = [drawShapes(64, 1), drawShapes(40, 2)];
    const labels = async (count: number, seed: number) => ({
      ...{ dtype: 'int32' as const, shape: [count] },
      data: Int32Array.from(await classesBy(smallClassifier(), count, seed)),
    });
    const y = { y_train: await labels(64, 1), y_test: await labels(40, 2) };
    await writeNpz(few.dataPath, { x_train: train.x, x_test: held.x, ...y });
    const { outcome } = await few.run({ target: { macs: 0.2 }, finetune: false, scaling: '1/255', ...RAW });
    expect(outcome.result!.baseline.accuracy).toBe(1);
    expect(codesOf(outcome)).toEqual(['FEW_SAMPLES', 'ACCURACY_DROPPED']);
    const checkpointDir = join(few.folder, 'few');
    await few.run(CONFIG, { checkpointDir });
    const again = await few.run(CONFIG, { checkpointDir });
    expect(codesOf(again.outcome).filter((code) => code === 'FEW_SAMPLES')).toHaveLength(1);
    expect(again.outcome.warnings.find(({ code }) => code === 'FEW_SAMPLES')!.message).toMatch(/64 samples to learn/);
  });
});

describe('without labels', () => {
  let bench: JobBench;
  beforeAll(async () => {
    bench = await openJobBench(smallClassifier(), { train: 1, validation: 1 });
    await writeNpz(bench.dataPath, { x: drawShapes(1200, 1).x });
  });

  test('untrained, agreement with the original is measured, on 1,000 samples at most', async () => {
    const { outcome, outDir } = await bench.run({ target: { macs: 0.5 }, finetune: false, ...RAW });
    const [original, raw, exported] = outcome.result!.stages;
    expect(stagesOf(outcome)).toEqual(['original', 'pruned', 'exported']);
    expect(original).toMatchObject({ accuracy: null, loss: null, agreement: 1, samples: 1000 });
    expect(raw.agreement).toBe(exported.agreement);
    expect(exported.interval).toEqual(shareInterval(exported.agreement!, 1000));
    expect(outcome.result!.headline).toContain('; agrees with the original on');
    // Of those that were drawn; of all it is nearly the same.
    const all = shareOfEqual(
      await classesBy(smallClassifier(), 1200, 1),
      await classesBy(await delivered(outDir), 1200, 1),
    );
    expect(exported.agreement).toBeCloseTo(all, 1);
    expect(codesOf(outcome)).toEqual(['ACCURACY_DROPPED']);
    const again = await bench.run({ target: { macs: 0.5 }, finetune: false, ...RAW });
    expect(withoutSeconds(again.outcome)).toEqual(withoutSeconds(outcome));
  });

  test('trained by the original alone, the step is a distillation, measured on what was held out', async () => {
    const finetune = { ...FINETUNE, epochs: 2, distillation: { weight: 1, temperature: 2 } };
    const { outcome, recording } = await bench.run({ ...CONFIG, finetune });
    expect(stagesOf(outcome)).toEqual(['original', 'pruned', 'distilled', 'exported']);
    const rows: readonly StageRow[] = outcome.result!.stages;
    expect(rows.map(({ samples, accuracy }) => [samples, accuracy])).toEqual(Array(4).fill([120, null]));
    // The score of the head is the same figure, by logits and on another way.
    const agreements = recording.metrics.filter(({ name }) => name === 'agreement').map(({ value }) => value);
    expect(rows[2].agreement).toBeCloseTo(agreements.at(-1)!, 6);
    expect(rows[2].loss!).toBeLessThan(rows[1].loss!);
    expect(outcome.result!.pruned.metrics![0].value).toBeCloseTo(rows[3].agreement!, 6);
  });
});

test('without data, nobody measured it: the rows say so, and a warning says what to do', async () => {
  const bench = await openJobBench(smallClassifier(), { train: 1, validation: 1 });
  const { outcome } = await bench.run({ target: { macs: 0.5 } }, { data: false });
  expect(stagesOf(outcome)).toEqual(['original', 'pruned', 'exported']);
  for (const row of outcome.result!.stages) {
    expect(row).toMatchObject({ accuracy: null, loss: null, agreement: null, samples: 0, interval: null });
  }
  expect(outcome.result!.headline).toMatch(/^(Half|\d+ %) of the MACs; not measured: no data set$/);
  expect(codesOf(outcome)).toEqual(['NOT_MEASURED']);
});

test('outputs that are numbers: how near they are', async () => {
  const model = tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [24, 24, 1] }),
      tf.layers.dense({ units: 16, activation: 'relu', kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }) }),
      tf.layers.dense({ units: 3, activation: 'tanh', kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }) }),
    ],
  });
  const bench = await openJobBench(model, { train: 1, validation: 1 });
  await writeNpz(bench.dataPath, { x: drawShapes(150, 1).x });
  const whole = await bench.run({ algorithm: { target_pruning_ratio: 1 }, finetune: false, ...RAW });
  expect(whole.outcome.result!.pruned.agreement).toBeCloseTo(1, 5);
  const { outcome } = await bench.run({ target: { macs: 0.95 }, finetune: false, ...RAW });
  const [, , exported] = outcome.result!.stages;
  expect(exported.agreement).toBeGreaterThan(0);
  expect(exported.agreement).toBeLessThan(0.99);
  expect(exported).toMatchObject({ accuracy: null, interval: null, samples: 150 });
  expect(outcome.result!.headline).toMatch(/; outputs differ from the original's by [\d.]+ % \(150 samples\)$/);
});
