/** Whole jobs on the engine that a worker is told to use. */
import { beforeAll, expect, test } from 'vitest';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { describeWebGpu } from '../engine/onnxruntime/webgpu-adapter.js';
import { tensorFlowPackage, withPackages } from '../engine/tensorflow/stand-in-package.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { useCpu } from '../support/tfjs.js';

const CONFIG = {
  target: { macs: 0.5 },
  finetune: { epochs: 1, batch_size: 32 },
  recovery: { samples: 16 },
  allocation: 'global',
};

let bench: JobBench;
beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 64, validation: 20 });
});

test('with the GPU package a job is pruned, trained and certified by TensorFlow, and says so', async () => {
  await withPackages([tensorFlowPackage('@tensorflow/tfjs-node-gpu', true)], async () => {
    const { outcome, recording } = await bench.run(CONFIG);
    expect(outcome.status).toBe('succeeded');
    expect(outcome.result).toMatchObject({
      engine: { name: 'tensorflow', device: 'cuda' },
      equivalence: { ok: true },
    });
    expect(recording.logs).toContain('computing with tensorflow on cuda, threads: 1');
  });
});

test('without it a job runs on the CPU, and its log says why', async () => {
  const { outcome, recording } = await bench.run(CONFIG);
  expect(outcome.result!.engine).toEqual({ name: CPU_ENGINE, device: 'cpu' });
  expect(recording.logs.slice(0, 2)).toEqual([
    expect.stringMatching(/^computing on the CPU: .*gpu:install/),
    `computing with ${CPU_ENGINE} on cpu, threads: 1`,
  ]);
});

test('an engine that is not installed fails the job with how to install it', async () => {
  await expect(bench.run(CONFIG, { engine: 'tensorflow' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('npm run gpu:install'),
  });
});

await describeWebGpu('on WebGPU', () => {
  test('a job is pruned, trained and certified, and says so', async () => {
    const { outcome, recording } = await bench.run(CONFIG, { engine: 'auto', device: 'webgpu' });
    expect(outcome.status).toBe('succeeded');
    expect(outcome.result).toMatchObject({
      engine: { name: 'onnxruntime', device: 'webgpu' },
      equivalence: { ok: true },
    });
    expect(recording.logs).toContain('computing with onnxruntime on webgpu, threads: 1');
  });
});
