import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawShapes } from '../../examples/shapes.js';
import { openFileSet } from '../../src/archive/index.js';
import type { JobResult, LatencyMeasurement } from '../../src/contract.js';
import type { DryRunSummary, UnitReport } from '../../src/report/unit-report.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { loadStock, tf, useCpu } from '../support/tfjs.js';

const FINETUNE = { epochs: 4, batch_size: 32, optimizer: { type: 'adam', learning_rate: 0.01 } };

let bench: JobBench;

beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier());
});

async function filesOf(outDir: string): Promise<Map<string, Uint8Array>> {
  const files = await openFileSet(join(outDir, 'model.zip'));
  const entries = await Promise.all(files.names.map(async (name) => [name, await files.read(name)] as const));
  await files.close();
  return new Map(entries);
}

async function reportOf(outDir: string): Promise<UnitReport<JobResult>> {
  return JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
}

describe('a job with data', () => {
  test('meets its target, learns, and what it reports is what stock TensorFlow.js finds in the file', async () => {
    const { outcome, outDir, recording } = await bench.run({
      target: { macs: 0.5 },
      finetune: FINETUNE,
      // The model knows nothing yet.
      recovery: { method: 'none' },
    });
    expect(outcome.status).toBe('succeeded');
    const { baseline, pruned, equivalence } = outcome.result!;
    expect(pruned.macs).toBeLessThanOrEqual(baseline.macs * 0.5);
    expect(pruned.macs).toBeGreaterThan(baseline.macs * 0.42);
    expect(pruned.size_bytes).toBeLessThan(baseline.size_bytes);
    expect(equivalence!.ok).toBe(true);
    expect(equivalence!.relative).toBeLessThan(1e-5);
    expect(equivalence!.samples).toBe(8);
    // Chance is 0.1; the untrained model is near it, and 80 steps teach it something.
    expect(baseline.accuracy).toBeLessThan(0.2);
    expect(pruned.accuracy).toBeGreaterThan(0.25);
    expect(pruned.loss).toBeLessThan(baseline.loss! - 0.2);

    const stock = await loadStock(await filesOf(outDir));
    const { x, y } = drawShapes(100, 2);
    const pixels = Float32Array.from(x.data as Uint8Array, (v) => v / 255);
    const scores = stock.predict(tf.tensor(pixels, [100, 24, 24, 1])) as tf.Tensor;
    const predicted = Array.from(scores.argMax(1).dataSync());
    const right = predicted.filter((p, i) => p === (y.data as Int32Array)[i]).length;
    expect(right / 100).toBeCloseTo(pruned.accuracy!, 10);
    expect(stock.countParams()).toBe(pruned.parameters);

    expect(recording.phases[0]).toBe('loading');
    expect(recording.phases.at(-1)).toBe('evaluating');
    expect(recording.progress.at(-1)).toBe(1);
    expect(recording.progress).toEqual([...recording.progress].sort((a, b) => a - b));
    expect(recording.metrics.filter(({ name }) => name === 'accuracy').map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
  });

  test('reports units, layers and schedule that agree with the file', async () => {
    const { outcome, outDir } = await bench.run({
      algorithm: { target_pruning_ratio: { 'conv1_(0, 8)_8': 0.25 }, prune_times: 2 },
      finetune: { ...FINETUNE, epochs: 2 },
    });
    const report = await reportOf(outDir);
    const unit = report.units.find(({ name }) => name === 'conv1_(0, 8)_8')!;
    expect(unit.kept).toBe(2);
    expect(unit.kept_indices).toHaveLength(2);
    expect(unit.importance.values).toHaveLength(8);
    expect(unit.output_related.map(({ name }) => name)).toEqual(['conv1', 'bn1']);
    expect(unit.input_related.map(({ name }) => name)).toEqual(['bn1', 'conv2']);
    expect(report.schedule.map(({ choices }) => choices['conv1_(0, 8)_8'])).toEqual([0.625, 0.25]);
    expect(report.schedule.at(-1)!.macs).toBe(outcome.result!.pruned.macs);
    expect(report.schedule.at(-1)!.accuracy_after_finetune).toBe(outcome.result!.pruned.accuracy);
    expect(report.unprunable).toEqual([expect.objectContaining({ layer: 'scores', channels: 10, code: 'OUTPUT' })]);
    const model = JSON.parse(Buffer.from((await filesOf(outDir)).get('model.json')!).toString());
    const conv1 = model.modelTopology.config.layers[0].config;
    expect(conv1.filters).toBe(2);
    const row = report.layers.find(({ name }) => name === 'conv1')!;
    expect(row).toMatchObject({
      op: 'Conv',
      before: { shape: [null, 8, 11, 11] },
      after: { shape: [null, 2, 11, 11] },
    });
    expect(row.after!.parameters).toBe(2 * 9 + 2);
  });

  test('the same job again gives the same bytes', async () => {
    const config = { target: { macs: 0.6 }, finetune: { ...FINETUNE, epochs: 2 }, seed: 7 };
    const [a, b] = [await bench.run(config), await bench.run(config)];
    expect(a.outcome.artifacts[0].sha256).toBe(b.outcome.artifacts[0].sha256);
    const other = await bench.run({ ...config, seed: 8 });
    expect(other.outcome.artifacts[0].sha256).not.toBe(a.outcome.artifacts[0].sha256);
  });

  test.each(['sgd', 'adam'])('stopped after any epoch and resumed, it ends with the same bytes (%s)', async (type) => {
    const config = {
      target: { macs: 0.5 },
      finetune: { ...FINETUNE, optimizer: { type, learning_rate: 0.005 } },
    };
    const undisturbed = await bench.run(config);
    const checkpointDir = join(bench.folder, `resumed-${type}`);
    for (const stopAfter of [0, 1, 2]) {
      // The validation of the epoch after the one whose checkpoint is to be resumed is where it stops.
      const abort = new AbortController();
      const killed = new Error('killed');
      const run = bench.run(config, {
        checkpointDir,
        signal: abort.signal,
        onMetric: ({ name, epoch }) => {
          if (name === 'train_loss' && epoch === stopAfter + 1) abort.abort(killed);
        },
      });
      await run;
    }
    const resumed = await bench.run(config, { checkpointDir });
    expect(resumed.recording.logs.some((line) => line.startsWith('resumed after epoch 3'))).toBe(true);
    expect(resumed.outcome.artifacts[0].sha256).toBe(undisturbed.outcome.artifacts[0].sha256);
    expect((await reportOf(resumed.outDir)).schedule).toEqual((await reportOf(undisturbed.outDir)).schedule);
  });

  test('canceled after a prune step, it keeps what it has; before, it gives nothing', async () => {
    const config = { target: { macs: 0.5 }, finetune: FINETUNE };
    const abort = new AbortController();
    const { outcome, outDir } = await bench.run(config, {
      signal: abort.signal,
      onMetric: ({ name }) => name === 'train_loss' && abort.abort(new Error('canceled')),
    });
    expect(outcome.status).toBe('canceled');
    expect(outcome.result!.equivalence!.ok).toBe(true);
    expect((await loadStock(await filesOf(outDir))).countParams()).toBe(outcome.result!.pruned.parameters);
    const reason = new Error('canceled');
    await expect(bench.run(config, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('canceled later, it goes back to the end of the last epoch', async () => {
    const config = { target: { macs: 0.5 }, finetune: FINETUNE };
    const abort = new AbortController();
    const { outcome, outDir, recording } = await bench.run(config, {
      signal: abort.signal,
      // In the second epoch, after its prune step: the worst moment.
      onMetric: ({ name, epoch }) => name === 'train_loss' && epoch === 1 && abort.abort(new Error('canceled')),
    });
    const { schedule, summary } = await reportOf(outDir);
    expect(outcome.status).toBe('canceled');
    expect(schedule).toHaveLength(1);
    expect(schedule[0].macs).toBe(outcome.result!.pruned.macs);
    const scores = recording.metrics.filter(({ name }) => name === 'accuracy');
    expect(scores).toHaveLength(1);
    expect(outcome.result!.pruned.accuracy).toBe(scores[0].value);
    expect(summary.pruned.latency_ms).toBeNull();
  });

  test('the importances that it reports are those that its channels were kept by', async () => {
    const { outDir } = await bench.run({ target: { macs: 0.4 }, finetune: FINETUNE });
    const { units } = await reportOf(outDir);
    expect(units.some(({ kept, num_channels }) => kept < num_channels)).toBe(true);
    for (const { kept, kept_indices, importance } of units) {
      const best = [...importance.values.keys()].sort((a, b) => importance.values[b] - importance.values[a]);
      expect(kept_indices).toEqual(best.slice(0, kept).sort((a, b) => a - b));
    }
  });

  test('choices that rounding changes are said', async () => {
    const units = { default_args: { divisor: 8 } };
    const { outDir, recording } = await bench.run(
      { algorithm: { target_pruning_ratio: 0.3, mutator_cfg: { channel_unit_cfg: units } } },
      { data: false },
    );
    expect(recording.warnings).toContain('CHOICE_ROUNDED');
    const [row] = (await reportOf(outDir)).schedule;
    expect(row.requested['conv1_(0, 8)_8']).toBe(0.3);
    expect(row.choices['conv1_(0, 8)_8']).toBe(1);
    const usual = await bench.run({ algorithm: { target_pruning_ratio: 0.3 } }, { data: false });
    expect(usual.recording.warnings).not.toContain('CHOICE_ROUNDED');
  });

  test('choices in a template are the end of the schedule, not its start', async () => {
    const units = { 'conv1_(0, 8)_8': { choice: 0.25 } };
    const { outDir } = await bench.run({
      algorithm: { mutator_cfg: { channel_unit_cfg: { units } }, prune_times: 3 },
      finetune: { ...FINETUNE, epochs: 3 },
    });
    const { schedule } = await reportOf(outDir);
    expect(schedule.map(({ choices }) => choices['conv1_(0, 8)_8'])).toEqual([0.75, 0.5, 0.25]);
  });

  // The loss of a step is taken before its update, and a ReLU turns NaN into 0: neither shows what the last step did.
  test.each([1e20, 1e30])(
    'weights that diverge in the very last step are not delivered (inputs of %d)',
    async (size) => {
      const finetune = {
        epochs: 1,
        batch_size: 640,
        optimizer: { type: 'sgd', learning_rate: 1000 },
      };
      const scaling = { mean: [0], std: [255 / size] };
      await expect(bench.run({ target: { macs: 0.5 }, finetune, scaling })).rejects.toMatchObject({
        code: 'TRAINING_DIVERGED',
      });
    },
  );

  test('finetune false scores without training', async () => {
    const { outcome, recording } = await bench.run({ target: { macs: 0.5 }, finetune: false });
    expect(outcome.result!.pruned.accuracy).not.toBeNull();
    expect(recording.metrics).toEqual([]);
    expect(recording.phases).not.toContain('finetuning');
  });
});

describe('a job without data', () => {
  test('prunes by weights alone; accuracy is null', async () => {
    const { outcome } = await bench.run({ target: { parameters: 0.4 } }, { data: false });
    const { baseline, pruned, equivalence } = outcome.result!;
    expect(pruned.parameters).toBeLessThanOrEqual(baseline.parameters * 0.4);
    expect(pruned.accuracy).toBeNull();
    expect(pruned.latency_ms).toBeGreaterThan(0);
    expect(equivalence!.relative).toBeLessThan(1e-5);
  });

  test.each([{ size: 0.6 }, { size: { at_most: 15_000 } }])(
    'a size target is held by the delivered files: %j',
    async (target) => {
      const { outcome } = await bench.run({ target }, { data: false });
      const { baseline, pruned } = outcome.result!;
      const bound = typeof target.size === 'number' ? target.size * baseline.size_bytes : target.size.at_most;
      expect(pruned.size_bytes).toBeLessThanOrEqual(bound);
      expect(pruned.size_bytes).toBeGreaterThan(0.9 * bound);
      await expect(bench.run({ target: { size: 0.01 } }, { data: false })).rejects.toMatchObject({
        code: 'TARGET_UNREACHABLE',
      });
    },
  );

  test('a dry run delivers the plan and no model; a target out of reach is said, with the nearest', async () => {
    const { outcome, outDir } = await bench.run({ target: { macs: 0.001 }, dry_run: true }, { data: false });
    expect(outcome).toMatchObject({ status: 'succeeded', result: null });
    expect(outcome.artifacts.map(({ name }) => name)).toEqual(['report.json']);
    const { summary } = (await reportOf(outDir)) as unknown as { summary: Record<string, unknown> };
    expect(summary.reachable).toBe(false);
    expect(summary.nearest).toEqual({ macs: expect.any(Number) });
    expect(outcome.warnings.map(({ code }) => code)).toEqual(['TARGET_UNREACHABLE']);
    await expect(bench.run({ target: { macs: 0.001 } }, { data: false })).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      message: expect.stringContaining('least that can be reached'),
    });
  });

  test('what a dry run predicts is what the job delivers; nothing is timed, so latency is null', async () => {
    const target = { macs: 0.5 };
    const dry = await bench.run({ target, dry_run: true }, { data: false });
    const { summary } = (await reportOf(dry.outDir)) as unknown as { summary: DryRunSummary<unknown> };
    const { pruned } = (await bench.run({ target }, { data: false })).outcome.result!;
    const { macs, parameters, size_bytes: size } = pruned;
    expect(summary.predicted).toEqual({ macs, parameters, size, latency: null });
    expect(summary.baseline).toMatchObject({ latency_ms: null });
    expect(summary.latency).toBeNull();
  });

  test('a dry run of a latency target says what it measured, and how', async () => {
    const target = { latency: { at_most: 1e-6 } };
    const { outcome, outDir } = await bench.run({ target, dry_run: true }, { data: false });
    const { summary } = (await reportOf(outDir)) as unknown as {
      summary: DryRunSummary<JobResult['baseline']> & { latency: LatencyMeasurement };
    };
    expect(summary.reachable).toBe(false);
    expect(summary.baseline.latency_ms).toBeGreaterThan(0);
    expect(summary.nearest!.latency).toBe(summary.predicted.latency);
    expect(outcome.warnings[0].message).toContain('at most 0.00000100 ms was asked for');
    expect(summary.latency).toMatchObject({ threads: 1, runs: expect.any(Number) });
  });

  test('a dry run says which choices rounding changes', async () => {
    const algorithm = {
      target_pruning_ratio: 0.01,
      mutator_cfg: { channel_unit_cfg: { default_args: { divisor: 4 } } },
    };
    const { recording } = await bench.run({ algorithm, dry_run: true }, { data: false });
    expect(recording.warnings).toEqual(['CHOICE_ROUNDED']);
  });

  test('a latency is stated with its threads, runs and intervals, in the result and in the report', async () => {
    const { outcome, outDir } = await bench.run({ target: { macs: 0.5 } }, { data: false });
    const { baseline, pruned, latency } = outcome.result!;
    const { engine, threads, runs, share, intervals } = latency!;
    expect(engine).toBe('onnxruntime');
    expect(threads).toBe(1);
    expect(runs).toBeGreaterThanOrEqual(6);
    for (const [[lower, upper], value] of [
      [intervals.baseline_ms, baseline.latency_ms!],
      [intervals.pruned_ms, pruned.latency_ms!],
      [intervals.share, share],
    ] as const) {
      expect(lower).toBeLessThanOrEqual(value);
      expect(upper).toBeGreaterThanOrEqual(value);
    }
    expect((await reportOf(outDir)).summary).toEqual(outcome.result);
  });

  test.each([{ latency: 1 }, { latency: { at_most: 60_000 } }])(
    'a latency that the original has already leaves it as it is: %j',
    async (target) => {
      const { outcome } = await bench.run({ target }, { data: false });
      expect(outcome.warnings.map(({ code }) => code)).toContain('NOTHING_PRUNED');
      expect(outcome.result!.pruned.macs).toBe(outcome.result!.baseline.macs);
    },
  );

  test('nothing to prune is said with the reasons', async () => {
    await expect(bench.run({ ignore: ['conv*'] }, { data: false })).rejects.toMatchObject({
      code: 'NOTHING_TO_PRUNE',
      message: expect.stringContaining('conv1'),
    });
  });

  test('a model that stays as it is, by its target or by rounding, is a warning', async () => {
    const warnings = async (ratio: number, args: object) => {
      const mutator_cfg = { channel_unit_cfg: { default_args: args } };
      const config = { algorithm: { target_pruning_ratio: ratio, mutator_cfg } };
      return (await bench.run(config, { data: false })).outcome.warnings.map(({ code }) => code);
    };
    expect(await warnings(0.5, {})).not.toContain('NOTHING_PRUNED');
    expect(await warnings(0.5, { divisor: 64 })).toContain('NOTHING_PRUNED');
    expect(await warnings(1, {})).toContain('NOTHING_PRUNED');
  });

  test('a glob to ignore that fits no layer is said', async () => {
    const { recording } = await bench.run({ ignore: ['conv1', 'conf2*'], dry_run: true }, { data: false });
    expect(recording.warnings).toEqual(['IGNORE_UNMATCHED']);
  });

  test('unknown units and outputs are named with what there is', async () => {
    await expect(
      bench.run({ algorithm: { target_pruning_ratio: { 'conv1_(0, 8)_9': 0.5 } } }, { data: false }),
    ).rejects.toMatchObject({ code: 'UNIT_UNKNOWN', message: expect.stringContaining('conv1_(0, 8)_8') });
    await expect(bench.run({ outputs: ['score'] }, { data: false })).rejects.toMatchObject({ code: 'OUTPUT_UNKNOWN' });
  });
});
