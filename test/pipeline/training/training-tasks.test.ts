/** What finetuning learns beyond one class a sample, end to end, and how its parts go together. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeNpz } from '../../../examples/write-npz.js';
import { openFileSet } from '../../../src/archive/index.js';
import type { JobResult } from '../../../src/contract.js';
import type { UnitReport } from '../../../src/report/unit-report.js';
import { jsonOf } from '../../formats/tampering.js';
import { type JobBench, openJobBench } from '../../support/job-bench.js';
import { seededRandom } from '../../support/seeded-random.js';
import { loadStock, modelFiles, tf, useCpu } from '../../support/tfjs.js';

const L = tf.layers;
const SIZE = 8;
const SAMPLES = { train: 96, test: 32 };
const init = (seed: number) => tf.initializers.glorotNormal({ seed });
const ADAM = { type: 'adam', learning_rate: 0.02 };
/** The models know nothing yet: there is nothing to recover. */
const TARGET = { target: { macs: 0.6 }, recovery: { method: 'none' } };

beforeAll(useCpu);

type Arrays = Parameters<typeof writeNpz>[1];

/** Noise with a bright quadrant; `of` gives the labels' arrays of one part by the quadrants. */
async function benchOf(
  model: tf.LayersModel,
  of: (quadrants: number[], images: Float32Array) => Arrays,
): Promise<JobBench> {
  const bench = await openJobBench(model, { train: 1, validation: 1 });
  const random = seededRandom(4);
  const part = (name: 'train' | 'test'): Arrays => {
    const count = SAMPLES[name];
    const quadrants = Array.from({ length: count }, () => Math.floor(random() * 4));
    const images = Float32Array.from({ length: count * SIZE * SIZE }, (_, i) => {
      const [sample, row, column] = [Math.floor(i / 64), Math.floor((i % 64) / 8), i % 8];
      const quadrant = 2 * Math.floor(row / 4) + Math.floor(column / 4);
      return 0.3 * random() + (quadrant === quadrants[sample] ? 1 : 0);
    });
    const labels = Object.entries(of(quadrants, images)).map(([key, array]) => [`y_${name}${key}`, array]);
    return {
      [`x_${name}`]: { dtype: 'float32', shape: [count, SIZE, SIZE, 1], data: images },
      ...Object.fromEntries(labels),
    };
  };
  await writeNpz(bench.dataPath, { ...part('train'), ...part('test') });
  return bench;
}

const floats = (shape: number[], data: number[]) => ({
  dtype: 'float32' as const,
  shape,
  data: Float32Array.from(data),
});
const bytes = (shape: number[], data: number[]) => ({ dtype: 'uint8' as const, shape, data: Uint8Array.from(data) });

/** Convolution, dense; no batch norm. */
function plainModel(
  units: number,
  activation: 'softmax' | 'sigmoid' | 'linear',
  extra: tf.layers.Layer[] = [],
): tf.LayersModel {
  return tf.sequential({
    layers: [
      L.conv2d({
        name: 'conv',
        inputShape: [SIZE, SIZE, 1],
        filters: 8,
        kernelSize: 3,
        strides: 2,
        activation: 'relu',
        kernelInitializer: init(1),
      }),
      ...extra,
      L.flatten({ name: 'flat' }),
      L.dense({ name: 'head', units, activation, kernelInitializer: init(2) }),
    ],
  });
}

async function reportOf(outDir: string): Promise<UnitReport<JobResult>> {
  return JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
}

async function stockOf(outDir: string): Promise<tf.LayersModel> {
  const files = await openFileSet(join(outDir, 'model.zip'));
  const entries = await Promise.all(files.names.map(async (name) => [name, await files.read(name)] as const));
  await files.close();
  return loadStock(new Map(entries));
}

describe('the loss follows from output and labels', () => {
  test('several labels a sample: sigmoids, binary accuracy', async () => {
    const bench = await benchOf(plainModel(2, 'sigmoid'), (quadrants) => ({
      '': bytes(
        [quadrants.length, 2],
        quadrants.flatMap((q) => [q >> 1, q === 3 ? 1 : q & 1]),
      ),
    }));
    const { outcome, outDir } = await bench.run({
      ...TARGET,
      finetune: { epochs: 5, batch_size: 16, optimizer: ADAM },
    });
    const report = await reportOf(outDir);
    expect(report.training).toMatchObject({
      outputs: [{ name: 'head', loss: 'binary_cross_entropy', labels: 'values' }],
    });
    expect(outcome.result!.pruned.metrics).toEqual([
      { output: 'head', metric: 'binary_accuracy', value: outcome.result!.pruned.accuracy },
    ]);
    expect(outcome.result!.pruned.accuracy).toBeGreaterThan(0.9);
  });

  test('numbers: regression, no accuracy, the mean distance is what stock TensorFlow.js finds', async () => {
    const bench = await benchOf(plainModel(2, 'linear'), (quadrants) => ({
      '': floats(
        [quadrants.length, 2],
        quadrants.flatMap((q) => [(q >> 1) - 0.5, 2 * (q & 1)]),
      ),
    }));
    const finetune = { epochs: 5, batch_size: 16, optimizer: ADAM, loss: 'huber' };
    const { outcome, outDir, recording } = await bench.run({ ...TARGET, finetune });
    const { baseline, pruned } = outcome.result!;
    expect(pruned.accuracy).toBeNull();
    expect(pruned.metrics![0]).toMatchObject({ metric: 'mean_absolute_error' });
    expect(pruned.metrics![0].value).toBeLessThan(0.4 * baseline.metrics![0].value);
    expect(recording.metrics.map((m) => m.name)).toContain('train_mean_absolute_error');
    const { x_test, y_test } = await arraysOf(bench.dataPath, ['x_test', 'y_test']);
    const found = (await stockOf(outDir)).predict(tf.tensor(x_test, [32, 8, 8, 1])) as tf.Tensor;
    const distance = tf.losses.absoluteDifference(tf.tensor(y_test, [32, 2]), found).dataSync()[0];
    expect(distance).toBeCloseTo(pruned.metrics![0].value, 4);
  });

  test('a class of each pixel, in the layout of the file', async () => {
    const model = tf.sequential({
      layers: [
        L.conv2d({
          name: 'a',
          inputShape: [SIZE, SIZE, 1],
          filters: 8,
          kernelSize: 3,
          padding: 'same',
          activation: 'relu',
          kernelInitializer: init(5),
        }),
        L.conv2d({ name: 'b', filters: 3, kernelSize: 1, activation: 'softmax', kernelInitializer: init(6) }),
      ],
    });
    const bench = await benchOf(model, (quadrants, images) => ({
      '': bytes(
        [quadrants.length, SIZE, SIZE],
        [...images].map((v) => (v > 1 ? 2 : v > 0.2 ? 1 : 0)),
      ),
    }));
    const finetune = {
      epochs: 4,
      batch_size: 16,
      optimizer: { ...ADAM, learning_rate: 0.05 },
      augmentation: { horizontal_flip: true, crop_padding: 1 },
    };
    const { outcome } = await bench.run({ ...TARGET, finetune });
    const { baseline, pruned } = outcome.result!;
    expect(pruned.metrics).toMatchObject([{ output: 'b', metric: 'pixel_accuracy' }]);
    expect(pruned.accuracy).toBeGreaterThan(0.55);
    expect(pruned.loss).toBeLessThan(0.7 * baseline.loss!);
  });

  test('two outputs with labels of their own', async () => {
    const image = tf.input({ shape: [SIZE, SIZE, 1] });
    const trunk = L.conv2d({
      name: 'conv',
      filters: 8,
      kernelSize: 3,
      strides: 2,
      activation: 'relu',
      kernelInitializer: init(7),
    }).apply(image);
    const flat = L.flatten().apply(trunk) as tf.SymbolicTensor;
    const outputs = [
      L.dense({ name: 'kind', units: 4, activation: 'softmax', kernelInitializer: init(8) }).apply(
        flat,
      ) as tf.SymbolicTensor,
      L.dense({ name: 'place', units: 1, kernelInitializer: init(9) }).apply(flat) as tf.SymbolicTensor,
    ];
    const bench = await benchOf(tf.model({ inputs: image, outputs }), (quadrants) => ({
      _kind: bytes([quadrants.length], quadrants),
      _place: floats(
        [quadrants.length],
        quadrants.map((q) => q / 2),
      ),
    }));
    const finetune = {
      epochs: 4,
      batch_size: 16,
      optimizer: ADAM,
      heads: { place: { loss: 'mae', weight: 0.5 } },
      distillation: { weight: 0.1 },
    };
    const { outcome, outDir } = await bench.run({ ...TARGET, finetune });
    const { pruned } = outcome.result!;
    expect(pruned.metrics).toMatchObject([
      { output: 'kind', metric: 'accuracy', value: pruned.accuracy },
      { output: 'place', metric: 'mean_absolute_error' },
    ]);
    expect(pruned.accuracy).toBeGreaterThan(0.8);
    expect((await reportOf(outDir)).training!.outputs).toMatchObject([
      { name: 'kind', loss: 'cross_entropy', labels: 'index', distilled: true },
      { name: 'place', loss: 'mae', labels: 'values', distilled: true },
    ]);
    await expect(bench.run({ finetune: { heads: { plaec: {} } } })).rejects.toMatchObject({
      code: 'OUTPUT_UNKNOWN',
      message: expect.stringContaining('did you mean "place"'),
    });
  });

  test('without labels the original model teaches, and agreement with it is the score', async () => {
    const bench = await benchOf(plainModel(4, 'softmax'), () => ({}));
    const finetune = { epochs: 4, batch_size: 16, optimizer: ADAM, distillation: { temperature: 3 } };
    const { outcome, outDir } = await bench.run({ ...TARGET, finetune });
    const { baseline, pruned } = outcome.result!;
    expect(baseline).toMatchObject({ accuracy: null, metrics: [{ metric: 'agreement', value: 1 }] });
    expect(baseline.loss).toBeCloseTo(0, 6);
    expect(pruned.metrics![0].value).toBeGreaterThan(0.8);
    expect((await reportOf(outDir)).training!.outputs).toMatchObject([{ loss: 'cross_entropy', labels: 'none' }]);
    await expect(bench.run({ finetune: { distillation: false } })).rejects.toMatchObject({ code: 'LABELS_INVALID' });
  });
});

async function arraysOf(path: string, names: string[]): Promise<Record<string, Float32Array>> {
  const files = await openFileSet(path);
  const read = async (name: string) => {
    const file = await files.read(`${name}.npy`);
    const start = 10 + new DataView(file.buffer, file.byteOffset).getUint16(8, true);
    return [name, new Float32Array(file.slice(start).buffer)];
  };
  const arrays = Object.fromEntries(await Promise.all(names.map(read)));
  await files.close();
  return arrays;
}

const classes = (quadrants: number[]): Arrays => ({ '': bytes([quadrants.length], quadrants) });

describe('with everything on', () => {
  const config = {
    ...TARGET,
    algorithm: { prune_times: 2 },
    finetune: {
      epochs: 5,
      batch_size: 20,
      optimizer: { type: 'adamw', learning_rate: 0.01 },
      schedule: { type: 'cosine', warmup_epochs: 0.5 },
      label_smoothing: 0.1,
      distillation: {},
      augmentation: { horizontal_flip: true, vertical_flip: true, crop_padding: 1, mixup: 0.3 },
      clip_norm: 1,
      ema_decay: 0.9,
      early_stopping: { patience: 3 },
    },
    seed: 3,
  };
  let bench: JobBench;
  beforeAll(async () => {
    const norm = L.batchNormalization({ name: 'bn' });
    bench = await benchOf(plainModel(4, 'softmax', [norm, L.dropout({ rate: 0.2 })]), classes);
  });

  test('stopped after any epoch and resumed, it ends with the same bytes; another seed gives others', async () => {
    const undisturbed = await bench.run(config);
    const checkpointDir = join(bench.folder, 'resumed');
    for (const stopAfter of [0, 2, 3]) {
      const abort = new AbortController();
      await bench.run(config, {
        checkpointDir,
        signal: abort.signal,
        onMetric: ({ name, epoch }) => {
          if (name === 'train_loss' && epoch === stopAfter + 1) abort.abort(new Error('killed'));
        },
      });
    }
    const resumed = await bench.run(config, { checkpointDir });
    expect(resumed.recording.logs.some((line) => line.startsWith('resumed after epoch 4'))).toBe(true);
    expect(resumed.outcome.artifacts[0].sha256).toBe(undisturbed.outcome.artifacts[0].sha256);
    expect(resumed.outcome.result!.pruned.loss).toBe(undisturbed.outcome.result!.pruned.loss);
    const other = await bench.run({ ...config, seed: 4 });
    expect(other.outcome.artifacts[0].sha256).not.toBe(undisturbed.outcome.artifacts[0].sha256);
  });
});

test('early stopping ends training and delivers the weights of the lowest loss', async () => {
  // Labels that have nothing to do with the images can only be learnt by heart.
  const bench = await benchOf(plainModel(4, 'softmax'), (quadrants) => ({
    '': bytes(
      [quadrants.length],
      quadrants.map((_, i) => (i * i) % 4),
    ),
  }));
  const finetune = {
    epochs: 30,
    batch_size: 8,
    optimizer: ADAM,
    schedule: { type: 'constant' },
    early_stopping: { patience: 2 },
  };
  const { outcome, outDir, recording } = await bench.run({ ...TARGET, algorithm: { prune_times: 1 }, finetune });
  const losses = recording.metrics.filter(({ name }) => name === 'loss').map(({ value }) => value);
  expect(losses.length).toBeLessThan(30);
  expect(losses.length - 1 - losses.indexOf(Math.min(...losses))).toBe(2);
  expect(outcome.result!.pruned.loss).toBeCloseTo(Math.min(...losses), 5);
  const { training } = await reportOf(outDir);
  expect(training).toMatchObject({ epochs_trained: losses.length, best_epoch: losses.indexOf(Math.min(...losses)) });
  expect(recording.progress.at(-1)).toBe(1);
});

test('layers of trainable: false are pruned and not trained, and their norms keep their statistics', async () => {
  const model = plainModel(4, 'softmax', [L.batchNormalization({ name: 'bn' })]);
  const bench = await benchOf(model, classes);
  const json = jsonOf(await modelFiles(model));
  for (const layer of json.modelTopology.config.layers) {
    if (['conv', 'bn'].includes(layer.config.name)) layer.config.trainable = false;
  }
  await writeFile(join(bench.modelPath, 'model.json'), JSON.stringify(json));
  const finetune = { epochs: 2, batch_size: 16, optimizer: ADAM };
  const { outDir, recording } = await bench.run({ algorithm: { target_pruning_ratio: 0.5 }, finetune });
  expect(recording.warnings).toContain('LAYERS_FROZEN');
  const kept = (await reportOf(outDir)).units[0].kept_indices;
  const written = await stockOf(outDir);
  const columns = (layer: tf.LayersModel, name: string, i: number) => layer.getLayer(name).getWeights()[i].arraySync();
  const original = columns(model, 'conv', 0) as number[][][][];
  expect(columns(written, 'conv', 0)).toEqual(
    original.map((rows) => rows.map((row) => row.map((channels) => kept.map((c) => channels[c])))),
  );
  for (const i of [0, 1, 2, 3]) {
    expect(columns(written, 'bn', i)).toEqual(kept.map((c) => (columns(model, 'bn', i) as number[])[c]));
  }
  const head = model.getLayer('head').getWeights()[1].dataSync();
  expect([...written.getLayer('head').getWeights()[1].dataSync()]).not.toEqual([...head]);
});

test('a batch that does not fit goes through in parts, says so, and learns the same without batch norms', async () => {
  const bench = await benchOf(plainModel(4, 'softmax', [L.dropout({ rate: 0.3 })]), classes);
  const finetune = { epochs: 2, batch_size: 32, optimizer: { type: 'sgd', learning_rate: 0.1 } };
  const whole = await bench.run({ ...TARGET, finetune });
  const tight = await bench.run({ ...TARGET, finetune }, { memoryBytes: 1000 });
  expect(whole.recording.warnings).not.toContain('MICRO_BATCHES');
  expect(tight.recording.warnings).toContain('MICRO_BATCHES');
  expect((await reportOf(whole.outDir)).training).toMatchObject({ batch_size: 32, micro_batch_size: 32 });
  expect((await reportOf(tight.outDir)).training).toMatchObject({ batch_size: 32, micro_batch_size: 1 });
  expect(tight.outcome.result!.pruned.loss).toBeCloseTo(whole.outcome.result!.pruned.loss!, 4);
});
