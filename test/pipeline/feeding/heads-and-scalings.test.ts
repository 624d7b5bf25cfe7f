/** What a data set's labels and values are held against: the head of the model, and what the model does best on. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawShapes, SHAPE_SIZE } from '../../../examples/shapes.js';
import { writeNpz } from '../../../examples/write-npz.js';
import { jsonOf } from '../../formats/tampering.js';
import { type JobBench, openJobBench } from '../../support/job-bench.js';
import { modelFiles, tf, useCpu } from '../../support/tfjs.js';

const FINETUNE = { epochs: 1, batch_size: 32 };
const L = tf.layers;

beforeAll(useCpu);

/** A bench whose data set is `images` (0…255) with the labels of drawn shapes. */
async function benchOf(
  model: tf.LayersModel,
  images: (pixels: Uint8Array) => Uint8Array | Float32Array,
  shape: number[],
) {
  const bench = await openJobBench(model, { train: 1, validation: 1 });
  const { x, y } = drawShapes(60, 1);
  const data = images(x.data as Uint8Array);
  const dtype = data instanceof Float32Array ? ('float32' as const) : ('uint8' as const);
  await writeNpz(bench.dataPath, { x: { dtype, shape: [60, ...shape], data }, y });
  return bench;
}

describe('heads', () => {
  const conv = (channelsFirst: boolean, classes: number): tf.LayersModel => {
    const dataFormat = channelsFirst ? 'channelsFirst' : 'channelsLast';
    const inputShape = channelsFirst ? [1, SHAPE_SIZE, SHAPE_SIZE] : [SHAPE_SIZE, SHAPE_SIZE, 1];
    return tf.sequential({
      layers: [
        L.conv2d({ inputShape, filters: 6, kernelSize: 5, strides: 4, activation: 'relu', dataFormat }),
        L.conv2d({ filters: classes, kernelSize: 5, dataFormat }),
      ],
    });
  };
  const shapeOf = (model: tf.LayersModel) => model.inputs[0].shape.slice(1) as number[];

  test.each([true, false])('classes of [N, C, 1, 1] and [N, 1, 1, C] (channels first: %s)', async (channelsFirst) => {
    const model = conv(channelsFirst, 10);
    const bench = await benchOf(model, (pixels) => pixels, shapeOf(model));
    const { outcome } = await bench.run({ target: { macs: 0.5 }, finetune: FINETUNE });
    expect(outcome.result!.pruned.loss).toBeLessThan(outcome.result!.baseline.loss! + 0.5);
  });

  test('one number is fitted to the labels, which are numbers then; as a classification it is refused', async () => {
    const model = conv(false, 1);
    const bench = await benchOf(model, (pixels) => pixels, shapeOf(model));
    const { outcome } = await bench.run({ finetune: FINETUNE });
    expect(outcome.result!.pruned).toMatchObject({
      accuracy: null,
      loss: expect.any(Number),
      metrics: [{ metric: 'mean_absolute_error', value: expect.any(Number) }],
    });
    await expect(bench.run({ finetune: { ...FINETUNE, loss: 'cross_entropy' } })).rejects.toMatchObject({
      code: 'NOT_TRAINABLE',
      message: expect.stringContaining('two or more'),
    });
  });

  test.each(['one class', 'a class at each place', 'two outputs'])(
    'without training, %s is no obstacle',
    async (head) => {
      const image = tf.input({ shape: [SHAPE_SIZE, SHAPE_SIZE, 1] });
      const features = L.conv2d({ filters: 6, kernelSize: 3, activation: 'relu' }).apply(image) as tf.SymbolicTensor;
      const pooled = L.globalAveragePooling2d({}).apply(features) as tf.SymbolicTensor;
      const outputs: Record<string, () => unknown> = {
        'one class': () => L.dense({ units: 1, activation: 'sigmoid' }).apply(pooled),
        'a class at each place': () => L.conv2d({ filters: 10, kernelSize: 1, activation: 'softmax' }).apply(features),
        'two outputs': () => [L.dense({ units: 10 }).apply(pooled), L.dense({ units: 1 }).apply(pooled)],
      };
      const model = tf.model({ inputs: image, outputs: outputs[head]() as tf.SymbolicTensor });
      const bench = await benchOf(model, (pixels) => pixels, shapeOf(model));
      const { outcome } = await bench.run({ target: { macs: 0.6 }, finetune: false });
      expect(outcome.warnings.map(({ code }) => code)).toContain('NOT_SCORED');
      expect(outcome.warnings.map(({ code }) => code)).not.toContain('EVALUATED_ON_ALL_DATA');
      expect(outcome.result).toMatchObject({
        baseline: { accuracy: null, loss: null },
        pruned: { accuracy: null, loss: null },
        equivalence: { ok: true },
      });
    },
  );
});

describe('float data up to 255', () => {
  /** Scores that are noise of size `size` for each unit of brightness. */
  const model = (size: number): tf.LayersModel => {
    const made = tf.sequential({
      layers: [
        L.flatten({ inputShape: [SHAPE_SIZE, SHAPE_SIZE, 1] }),
        L.dense({ units: 8, activation: 'relu', kernelInitializer: 'ones', name: 'hidden' }),
        L.dense({ units: 10, activation: 'softmax', name: 'scores' }),
      ],
    });
    const noise = tf.randomNormal([8, 10], 0, 1, 'float32', 3).mul(size);
    made.getLayer('scores').setWeights([noise, tf.zeros([10])]);
    return made;
  };
  const run = async (size: number) => {
    const bench = await benchOf(model(size), (pixels) => Float32Array.from(pixels), [SHAPE_SIZE, SHAPE_SIZE, 1]);
    return (await bench.run({ target: { macs: 0.5 }, finetune: FINETUNE })).recording.warnings;
  };

  test('are fed as they are, with a warning where the model does better on scaled ones', async () => {
    expect(await run(0.01)).toContain('SCALING_UNLIKELY');
  });

  test('are not warned of where the model does as well on them', async () => {
    expect(await run(0)).not.toContain('SCALING_UNLIKELY');
  });
});

describe('weights', () => {
  let bench: JobBench;
  let files: Map<string, Uint8Array>;
  beforeAll(async () => {
    const model = tf.sequential({
      layers: [
        L.dense({ inputShape: [4], units: 8, activation: 'relu', name: 'first' }),
        L.dense({ units: 3, name: 'second' }),
      ],
    });
    bench = await openJobBench(model, { train: 1, validation: 1 });
    files = await modelFiles(model);
  });
  const withFirst = async (value: number) => {
    const bytes = files.get('weights.bin')!.slice();
    new DataView(bytes.buffer).setFloat32(4, value, true);
    await writeFile(join(bench.modelPath, 'weights.bin'), bytes);
  };

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('of %d are refused by name', async (value) => {
    await withFirst(value);
    await expect(bench.run({}, { data: false })).rejects.toMatchObject({
      code: 'LAYER_INVALID',
      message: expect.stringContaining(`first/kernel holds ${value} at place 1`),
    });
  });

  test('so large that outputs overflow are the fault of the model, not of the certificate', async () => {
    const bytes = files.get('weights.bin')!.slice();
    new Float32Array(bytes.buffer).fill(3e38);
    await writeFile(join(bench.modelPath, 'weights.bin'), bytes);
    await expect(bench.run({}, { data: false })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('NaN or infinite'),
    });
  });
});

test.each(['float32', 'mixed_float16'])('a first layer of dtype policy %s stands for a float32 input', async (name) => {
  const model = tf.sequential({ layers: [L.dense({ inputShape: [4], units: 8 }), L.dense({ units: 3 })] });
  const bench = await openJobBench(model, { train: 1, validation: 1 });
  const json = jsonOf(await modelFiles(model));
  for (const layer of json.modelTopology.config.layers) layer.config.dtype = { class_name: 'Policy', config: { name } };
  await writeFile(join(bench.modelPath, 'model.json'), JSON.stringify(json));
  const { outcome } = await bench.run({}, { data: false });
  expect(outcome.status).toBe('succeeded');
});
