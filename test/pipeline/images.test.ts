/** Jobs on images: they give what the same values in arrays give. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drawShapes, SHAPE_CLASSES, SHAPE_SIZE } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import type { JobOutcome } from '../../src/contract.js';
import { type Files, pixels, plain, tarGzOf, zipOf } from '../support/image-files.js';
import { openJobBench, smallClassifier } from '../support/job-bench.js';
import { tf, useCpu } from '../support/tfjs.js';
import { runWholeJob } from '../support/whole-job.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-images-job-'));
const UNTRAINED = { target: { macs: 0.5 }, finetune: false };
let model: string;
let images: Files;
let arrays: string;

/** Shapes in the order of their classes, as images in folders and as arrays. */
async function shapes(count: number, seed: number, part: string) {
  const { x, y } = drawShapes(count, seed);
  const size = SHAPE_SIZE ** 2;
  const values = new Uint8Array(x.data.buffer, x.data.byteOffset, x.data.byteLength);
  const numbers = y.data as Int32Array;
  const order = [...numbers.keys()].sort((a, b) => numbers[a] - numbers[b] || a - b);
  const sample = (i: number) => values.subarray(i * size, (i + 1) * size);
  const files: Record<string, Uint8Array> = {};
  for (const i of order) {
    const name = `${part}/${numbers[i]}-${SHAPE_CLASSES[numbers[i]]}/${String(i).padStart(4, '0')}.png`;
    files[name] = await pixels(sample(i), SHAPE_SIZE, SHAPE_SIZE, 1);
  }
  const data = Uint8Array.from(order.flatMap((i) => [...sample(i)]));
  return {
    files,
    x: { dtype: 'uint8', shape: x.shape, data } as const,
    y: { dtype: 'int32', shape: y.shape, data: Int32Array.from(order, (i) => numbers[i]) } as const,
  };
}

beforeAll(async () => {
  await useCpu();
  const bench = await openJobBench(smallClassifier(), { train: 10, validation: 10 });
  model = bench.modelPath;
  const [train, held] = [await shapes(120, 1, 'train'), await shapes(40, 2, 'test')];
  images = { ...train.files, ...held.files };
  arrays = join(folder, 'data.npz');
  await writeNpz(arrays, { x_train: train.x, y_train: train.y, x_test: held.x, y_test: held.y });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (config: object, data: string, of = model) => runWholeJob(of, config, { data, engine: 'auto', threads: 1 });
/** Whether the pruned model is measured to be faster goes by what else the machine does. */
const MEASURED = 'NOT_FASTER';
const codes = ({ warnings }: JobOutcome) => warnings.map(({ code }) => code).filter((code) => code !== MEASURED);
const modelBytes = ({ artifacts }: JobOutcome) => artifacts.filter(({ name }) => name.startsWith('model'));

test('trained on images, the model is the one trained on arrays, bit by bit, from a zip as from a tar', async () => {
  const config = { target: { macs: 0.6 }, finetune: { epochs: 2, batch_size: 32, augmentation: { crop_padding: 2 } } };
  const expected = await run(config, arrays);
  for (const data of [await zipOf(images), await tarGzOf(images)]) {
    const found = await run(config, data);
    expect(modelBytes(found)).toEqual(modelBytes(expected));
    expect(found.result?.baseline).toMatchObject({
      accuracy: expected.result!.baseline.accuracy,
      loss: expected.result!.baseline.loss,
    });
    expect(codes(found)).toEqual(codes(expected));
  }
});

test('a folder that is missing is told, for it shifts the numbers of others; an empty one keeps its place', async () => {
  const some = Object.fromEntries(Object.entries(images).filter(([name]) => !name.includes('/3-')));
  const shifted = await run(UNTRAINED, await tarGzOf(some));
  expect(shifted.warnings).toContainEqual({
    code: 'CLASSES_DIFFER',
    message: expect.stringMatching(/9 folders of classes.*\(0-disc, .*output scores has 10 numbers/),
  });
  const kept = await run(UNTRAINED, await tarGzOf({ ...some, 'train/3-frame/': new Uint8Array() }));
  expect(codes(kept)).not.toContain('CLASSES_DIFFER');
});

test('images without labels are pruned with, and their original is learned from', async () => {
  const alone = await zipOf(
    Object.fromEntries(Object.entries(images).map(([name, b]) => [name.replaceAll('/', '_'), b])),
  );
  const pruned = await run(UNTRAINED, alone);
  expect(pruned).toMatchObject({
    status: 'succeeded',
    result: { baseline: { accuracy: null }, equivalence: { ok: true } },
  });
  const learned = await run({ ...UNTRAINED, finetune: { epochs: 1, distillation: {} } }, alone);
  expect(learned.result?.pruned.metrics).toEqual([expect.objectContaining({ metric: 'agreement' })]);
});

test('an unreadable image is named in the result, and the job goes on', async () => {
  const [first] = Object.keys(images);
  const found = await run(UNTRAINED, await zipOf({ ...images, [first]: images[first].subarray(0, 90) }));
  expect(found.status).toBe('succeeded');
  expect(found.warnings.filter(({ code }) => code === 'IMAGE_UNREADABLE')).toEqual([
    { code: 'IMAGE_UNREADABLE', message: expect.stringContaining(first) },
  ]);
});

test('two folders are the sides of a model of one output', async () => {
  const layers = [
    tf.layers.conv2d({ name: 'conv', filters: 8, kernelSize: 3, strides: 2, inputShape: [SHAPE_SIZE, SHAPE_SIZE, 3] }),
    tf.layers.globalAveragePooling2d({ name: 'pool' }),
    tf.layers.dense({ name: 'side', units: 1, activation: 'sigmoid' }),
  ];
  const bench = await openJobBench(tf.sequential({ layers }), { train: 10, validation: 10 });
  const sides = Object.entries(images).filter(([name]) => /^train\/[01]-/.test(name));
  const found = await run(UNTRAINED, await zipOf(Object.fromEntries(sides)), bench.modelPath);
  expect(codes(found)).not.toContain('CLASSES_DIFFER');
  expect(found.result?.baseline.metrics).toEqual([expect.objectContaining({ metric: 'binary_accuracy' })]);
});

test('a model whose extents are open is counted at the size that most images have, in its own color', async () => {
  const bench = await openJobBench(
    tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'conv', filters: 8, kernelSize: 3, padding: 'same', inputShape: [null, null, 1] }),
        tf.layers.globalAveragePooling2d({ name: 'pool' }),
        tf.layers.dense({ name: 'scores', units: 2, activation: 'softmax' }),
      ],
    }),
    { train: 10, validation: 10 },
  );
  const colors = Array.from({ length: 9 }, (_, i) => i);
  const files: Record<string, Uint8Array> = {};
  for (const i of colors) {
    const [width, height] = i < 3 ? [40, 40] : [20, 10];
    files[`${i % 2}/${i}.png`] = await plain([25 * i, 0, 9], { width, height });
  }
  const found = await run(UNTRAINED, await zipOf(files), bench.modelPath);
  expect(found.result?.baseline.macs).toBe(9 * 8 * 20 * 10 + 8 * 2);
  expect(codes(found)).toContain('INPUT_SIZE_FROM_DATA');
});
