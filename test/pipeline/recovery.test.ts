/** Recovery as a stage of jobs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawShapes } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import type { JobResult } from '../../src/contract.js';
import type { UnitReport } from '../../src/report/unit-report.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { tf, useCpu } from '../support/tfjs.js';

let bench: JobBench;

beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 200, validation: 60 });
});

const reportOf = async (outDir: string): Promise<UnitReport<JobResult>> =>
  JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
const modelOf = (outDir: string) => readFile(join(outDir, 'model.zip'));

/** Channels are chosen such that there is something to recover. */
const PRUNED = {
  target: { macs: 0.5 },
  finetune: false,
  allocation: 'uniform',
  algorithm: { mutator_cfg: { channel_unit_cfg: { type: 'L1ChannelUnit' } } },
} as const;

test('without training: weights are set by training samples, the certificate holds, the report says how', async () => {
  const { outcome, outDir, recording } = await bench.run({ ...PRUNED, recovery: { samples: 120 } });
  expect(outcome.result!.equivalence).toMatchObject({ ok: true });
  const [{ recovery }] = (await reportOf(outDir)).schedule;
  expect(recovery).toMatchObject({ samples: 120 });
  const { method, divergences } = recovery!;
  expect(Object.keys(divergences).sort()).toEqual(['least_squares', 'none']);
  expect(divergences[method]).toBe(Math.min(...Object.values(divergences)));
  expect(divergences[method]).toBeLessThan(0.5 * divergences.none);
  expect(recording.phases).toContain('recovering');
  expect(recording.progress).toEqual([...recording.progress].sort((a, b) => a - b));
});

test('of few samples means and spreads alone are tried, too', async () => {
  const { outDir } = await bench.run({ ...PRUNED, recovery: { samples: 40 } });
  const [{ recovery }] = (await reportOf(outDir)).schedule;
  expect(Object.keys(recovery!.divergences).sort()).toEqual(['least_squares', 'none', 'statistics']);
});

test('the same job gives the same bits; `none` leaves the weights as they were', async () => {
  const [once, again] = [await bench.run(PRUNED), await bench.run(PRUNED)];
  expect((await modelOf(again.outDir)).equals(await modelOf(once.outDir))).toBe(true);
  const raw = await bench.run({ ...PRUNED, recovery: { method: 'none' } });
  expect((await modelOf(raw.outDir)).equals(await modelOf(once.outDir))).toBe(false);
  expect((await reportOf(raw.outDir)).schedule[0].recovery).toBeUndefined();
  expect(raw.recording.phases).not.toContain('recovering');
});

test('before training, after each prune step', async () => {
  const config = { target: { macs: 0.5 }, finetune: { epochs: 2, ema_decay: 0.9 }, algorithm: { prune_times: 2 } };
  const { outDir } = await bench.run({ ...config, recovery: { method: 'statistics', samples: 64 } });
  const { schedule } = await reportOf(outDir);
  expect(schedule).toHaveLength(2);
  for (const { recovery } of schedule) {
    expect(recovery).toMatchObject({ samples: 64 });
    expect(Object.keys(recovery!.divergences).sort()).toEqual(['none', 'statistics']);
  }
});

test('a cancel while it recovers delivers what was pruned', async () => {
  const canceled = new AbortController();
  const reason = new Error('canceled');
  const running = bench.run(PRUNED, {
    signal: canceled.signal,
    onPhase: (phase) => phase === 'recovering' && canceled.abort(reason),
  });
  expect((await running).outcome).toMatchObject({ status: 'canceled' });
});

describe('without data', () => {
  const NAMED = { ...PRUNED, recovery: { method: 'least_squares' } };

  test.each(['auto', 'least_squares'])('samples are made of what batch norms hold (%s)', async (method) => {
    const model = smallClassifier();
    const norm = model.getLayer('bn1');
    const [scale, shift] = norm.getWeights();
    const [mean, variance] = [tf.linspace(-0.1, 0.2, 8), tf.linspace(0.01, 0.2, 8)];
    norm.setWeights([scale, shift, mean, variance]);
    const { run } = await openJobBench(model, { train: 8, validation: 8 });
    const config = { ...PRUNED, recovery: { method } };
    const made = await run(config, { data: false });
    expect((await reportOf(made.outDir)).schedule[0].recovery).toMatchObject({ samples: 64 });
    expect(made.outcome.result!.equivalence).toMatchObject({ ok: true });
    expect((await modelOf((await run(config, { data: false })).outDir)).equals(await modelOf(made.outDir))).toBe(true);
  });

  test('a model whose batch norms hold nothing is told', async () => {
    const { outcome, outDir } = await bench.run(NAMED, { data: false });
    expect(outcome.warnings.map(({ code }) => code)).toContain('NOT_RECOVERED');
    expect((await reportOf(outDir)).schedule[0].recovery).toBeUndefined();
  });
});

describe('samples without labels', () => {
  test('are enough', async () => {
    const dataPath = join(bench.folder, 'unlabelled.npz');
    await writeNpz(dataPath, { x_train: drawShapes(150, 4).x });
    const { outDir, outcome } = await bench.run(PRUNED, { dataPath });
    expect(outcome.result!.pruned.accuracy).toBeNull();
    const { recovery } = (await reportOf(outDir)).schedule[0];
    // The others are what the result is measured on.
    expect(recovery).toMatchObject({ samples: 134 });
  });

  test('choose channels, too', async () => {
    const units = (criterion: string) => ({
      algorithm: { mutator_cfg: { channel_unit_cfg: { type: 'CriterionChannelUnit', criterion } } },
    });
    const [byLoss, byWeights] = [
      await bench.run({ ...PRUNED, ...units('obs') }),
      await bench.run({ ...PRUNED, ...units('l1') }),
    ];
    const [first] = (await reportOf(byLoss.outDir)).units;
    expect(first.importance.criterion).toBe('obs');
    expect([...first.importance.values].sort((a, b) => a - b)).toEqual(first.importance.values.map((_, i) => i));
    const divergence = async (outDir: string) => (await reportOf(outDir)).schedule[0].recovery!.divergences.none;
    expect(await divergence(byLoss.outDir)).toBeLessThan(await divergence(byWeights.outDir));
  });
});

describe('layers that have no bias', () => {
  /** No batch norms either; what the rectifiers give has means far off 0. */
  function withoutBiases(): tf.LayersModel {
    const init = (seed: number) => ({ useBias: false, kernelInitializer: tf.initializers.glorotNormal({ seed }) });
    return tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'a', filters: 8, kernelSize: 3, strides: 2, inputShape: [24, 24, 1], ...init(1) }),
        tf.layers.reLU(),
        tf.layers.conv2d({ name: 'b', filters: 12, kernelSize: 3, strides: 2, ...init(2) }),
        tf.layers.reLU(),
        tf.layers.flatten(),
        tf.layers.dense({ name: 'scores', units: 10, ...init(3) }),
      ],
    });
  }

  test('are given one where it puts a mean right; figures are those of the file', async () => {
    const { run } = await openJobBench(withoutBiases(), { train: 200, validation: 60 });
    const { outDir, outcome } = await run({ ...PRUNED, target: { parameters: 0.5 } });
    const { baseline, pruned, equivalence } = outcome.result!;
    expect(equivalence).toMatchObject({ ok: true });
    const report = await reportOf(outDir);
    const [{ recovery, parameters }] = report.schedule;
    expect(recovery).toMatchObject({ method: 'least_squares', without_bias: 0 });
    const weights = 8 * 9 + 12 * 8 * 9 + 10 * 12 * 25;
    expect(baseline.parameters).toBe(weights);
    expect(pruned.parameters).toBe(parameters);
    expect(pruned.parameters).toBeLessThanOrEqual(weights / 2);
    const [a, b, scores] = report.layers;
    // The first reads what isn't pruned: there is nothing to put right.
    expect(a.after!.parameters).toBe(9 * report.units[0].kept);
    expect(b.after!.parameters).toBe((9 * report.units[0].kept + 1) * report.units[1].kept);
    expect(scores.after!.parameters).toBe(250 * report.units[1].kept + 10);
    expect(scores.before.parameters).toBe(10 * 12 * 25);
  });

  test.each([{ method: 'none' }, { add_biases: false }])(
    'stay without one where it is so said: %j',
    async (recovery) => {
      const { run } = await openJobBench(withoutBiases(), { train: 200, validation: 60 });
      const { outcome, outDir } = await run({ ...PRUNED, recovery });
      const [a, b, scores] = (await reportOf(outDir)).units;
      expect(scores).toBeUndefined();
      expect(outcome.result!.pruned.parameters).toBe(9 * a.kept + 9 * a.kept * b.kept + 250 * b.kept);
    },
  );

  test.each([{ parameters: 1 }, { size: 1 }, { size: { at_most: 10_000_000 } }, { macs: 1 }])(
    'stay without one where nothing is pruned: %j',
    async (target) => {
      const { run } = await openJobBench(withoutBiases(), { train: 200, validation: 60 });
      for (const allocation of ['global', 'uniform'] as const) {
        const { outcome } = await run({ ...PRUNED, target, allocation });
        expect(outcome.warnings.map(({ code }) => code)).toContain('NOTHING_PRUNED');
        expect(outcome.result!.pruned.parameters).toBe(outcome.result!.baseline.parameters);
      }
      const { outDir } = await run({ ...PRUNED, target, dry_run: true });
      const { summary } = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
      expect(summary.predicted).toMatchObject({
        parameters: summary.baseline.parameters,
        size: summary.baseline.size_bytes,
      });
    },
  );

  test('stay without one where a target is out of reach with them', async () => {
    const { run } = await openJobBench(withoutBiases(), { train: 200, validation: 60 });
    // One channel of a and two of b take 527, and 13 more with biases.
    const { outcome } = await run({ ...PRUNED, target: { parameters: { at_most: 530 } } });
    expect(outcome.result!.pruned.parameters).toBe(527);
  });

  test('are given one, too, where they are called twice', async () => {
    const image = tf.input({ shape: [24, 24, 1] });
    const bare = (seed: number) => ({ useBias: false, kernelInitializer: tf.initializers.glorotNormal({ seed }) });
    const a = tf.layers.conv2d({ name: 'a', filters: 8, kernelSize: 3, strides: 4, activation: 'relu', ...bare(1) });
    const wide = a.apply(image) as tf.SymbolicTensor;
    const rows = tf.layers.dense({ name: 'rows', units: 8, ...bare(2) });
    const [once, twice] = [wide, tf.layers.reLU().apply(rows.apply(wide) as tf.SymbolicTensor)].map((x) => {
      return rows.apply(x as tf.SymbolicTensor) as tf.SymbolicTensor;
    });
    const joined = tf.layers.flatten().apply(tf.layers.concatenate().apply([once, twice]) as tf.SymbolicTensor);
    const scores = tf.layers.dense({ name: 'scores', units: 10, ...bare(3) }).apply(joined) as tf.SymbolicTensor;
    const { run } = await openJobBench(tf.model({ inputs: image, outputs: scores }), { train: 200, validation: 60 });
    const { outcome, outDir } = await run({ ...PRUNED, target: { parameters: 0.6 } });
    expect(outcome.result!.equivalence).toMatchObject({ ok: true });
    const { schedule, layers } = await reportOf(outDir);
    expect(schedule[0].recovery).toMatchObject({ without_bias: 0 });
    expect(outcome.result!.pruned.parameters).toBe(schedule[0].parameters);
    const { before, after } = layers.find(({ name }) => name === 'rows')!;
    expect(before.parameters).toBe(64);
    const kept = Number(after!.shape.at(-1));
    expect(after!.parameters).toBe(kept * kept + kept);
  });
});
