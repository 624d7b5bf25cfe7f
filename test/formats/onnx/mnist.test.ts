/** A whole job on onnxruntime's own MNIST model: half of its MACs, finetuned. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { inspectModel } from '../../../src/pipeline/index.js';
import { describeShared, SHARED } from '../../shared.js';
import { readMnist, writeMnistNpz } from '../../support/mnist.js';
import { runWholeJob } from '../../support/whole-job.js';

const TRAIN = 8000;
const VALIDATION = 2000;

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
    const config = { target: { macs: 0.5 }, finetune: { epochs: 5 } };
    const { result, outDir } = await runWholeJob(path, config, { data, engine: 'onnxruntime', threads: 2 });
    const { baseline, pruned, equivalence } = result!;
    expect(pruned.macs).toBeLessThanOrEqual(baseline.macs / 2);
    expect(pruned.accuracy).toBeGreaterThanOrEqual(baseline.accuracy! - 0.005);
    expect(equivalence!.relative).toBeLessThan(1e-5);

    const session = await ort.InferenceSession.create(await readFile(join(outDir, 'model.onnx')), {
      logSeverityLevel: 3,
    });
    const { images, labels } = readMnist();
    let right = 0;
    for (let i = TRAIN; i < TRAIN + VALIDATION; i++) {
      const x = Float32Array.from(images.subarray(i * 784, (i + 1) * 784));
      const { Plus214_Output_0: y } = await session.run({ Input3: new ort.Tensor('float32', x, [1, 1, 28, 28]) });
      const scores = y.data as Float32Array;
      if (scores.indexOf(Math.max(...scores)) === labels[i]) right++;
    }
    await session.release();
    // One image of the 2,000 may fall the other way between two runtimes' roundings.
    expect(Math.abs(right - Math.round(pruned.accuracy! * VALIDATION))).toBeLessThanOrEqual(1);
  }, 400_000);
});
