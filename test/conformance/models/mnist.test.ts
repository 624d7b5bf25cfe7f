/** A whole job on onnxruntime's own MNIST model: half of its MACs, finetuned. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { writeNpz } from '../../../examples/write-npz.js';
import { inspectModel } from '../../../src/pipeline/index.js';
import { describeShared, SHARED } from '../../shared.js';
import { readMnist, writeMnistNpz } from '../../support/mnist.js';
import { runWholeJob } from '../../support/whole-job.js';

const TRAIN = 8000;
const VALIDATION = 2000;
const UNLABELLED = 300;

describeShared('ort-mnist-cntk, MACs 0.5, 8,000 images, 5 epochs', 'data/mnist-t10k', () => {
  const path = join(SHARED, 'models/onnx/ort-mnist-cntk/mnist.onnx');

  test('is inspected', async () => {
    const found = await inspectModel(path, 'mnist.onnx');
    expect(found).toMatchObject({
      format: 'onnx',
      inputs: [{ name: 'Input3', dtype: 'float32', shape: [null, 1, 28, 28] }],
      outputs: [{ name: 'Plus214_Output_0', dtype: 'float32', shape: [null, 10] }],
    });
    const units = Object.entries(found.units.channel_unit_cfg.units);
    expect(units.filter(([, unit]) => unit.is_mutable).map(([name]) => name)).toEqual([
      'Convolution28_(0, 8)_8',
      'Convolution110_(0, 16)_16',
    ]);
  });

  test('loses less than half a point, and onnxruntime gets the same images right', async () => {
    const data = join(await mkdtemp(join(tmpdir(), 'espalier-onnx-')), 'mnist.npz');
    await writeMnistNpz(data, TRAIN, VALIDATION);
    const config = { target: { macs: 0.5 }, finetune: { epochs: 5 }, recovery: { method: 'none' } };
    const { result, outDir } = await runWholeJob(path, config, { data, engine: 'onnxruntime', threads: 2 });
    const { baseline, pruned, equivalence } = result!;
    expect(pruned.macs).toBeLessThanOrEqual(baseline.macs / 2);
    expect(pruned.accuracy).toBeGreaterThanOrEqual(baseline.accuracy! - 0.005);
    expect(equivalence!.relative).toBeLessThan(1e-5);

    const { images, labels } = readMnist();
    // As the job feeds them: it finds that the model does best so.
    const x = Float32Array.from(images.subarray(TRAIN * 784, (TRAIN + VALIDATION) * 784), (v) => v / 255);
    const classes = await classesBy(join(outDir, 'model.onnx'), x);
    const right = classes.filter((each, i) => each === labels[TRAIN + i]).length;
    // One image of the 2,000 may fall the other way between two runtimes' roundings.
    expect(Math.abs(right - Math.round(pruned.accuracy! * VALIDATION))).toBeLessThanOrEqual(1);
  }, 400_000);

  test('without labels, agreement is what onnxruntime finds in the two files', async () => {
    const data = join(await mkdtemp(join(tmpdir(), 'espalier-onnx-')), 'images.npz');
    const { images } = readMnist();
    const x = Float32Array.from(images.subarray(0, UNLABELLED * 784));
    const samples = (from: number, to: number) => ({
      dtype: 'float32' as const,
      shape: [to - from, 1, 28, 28],
      data: Float32Array.from(images.subarray(from * 784, to * 784)),
    });
    await writeNpz(data, { x_train: samples(UNLABELLED, 2 * UNLABELLED), x_test: samples(0, UNLABELLED) });
    const config = { target: { macs: 0.5 }, finetune: false };
    const { result, outDir } = await runWholeJob(path, config, { data, engine: 'auto', threads: 1 });
    const [before, after] = [await classesBy(path, x), await classesBy(join(outDir, 'model.onnx'), x)];
    const equal = before.filter((each, i) => each === after[i]).length;
    expect(result!.stages.map(({ stage }) => stage)).toEqual(['original', 'pruned', 'recovered', 'exported']);
    // One image may fall the other way between two runtimes' roundings.
    expect(Math.abs(result!.pruned.agreement! * UNLABELLED - equal)).toBeLessThanOrEqual(1);
    expect(result!.pruned.accuracy).toBeNull();
    expect(result!.headline).toContain('; agrees with the original on ');
  });
});

/** The class that onnxruntime finds for each image. */
async function classesBy(path: string, x: Float32Array): Promise<number[]> {
  const session = await ort.InferenceSession.create(await readFile(path), { logSeverityLevel: 3 });
  const classes: number[] = [];
  for (let at = 0; at < x.length; at += 784) {
    const image = new ort.Tensor('float32', x.slice(at, at + 784), [1, 1, 28, 28]);
    const scores = (await session.run({ Input3: image })).Plus214_Output_0.data as Float32Array;
    classes.push(scores.indexOf(Math.max(...scores)));
  }
  await session.release();
  return classes;
}
