/** Data with a part to judge training by and another for the last figures. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { drawShapes } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { useCpu } from '../support/tfjs.js';

const CONFIG = {
  target: { macs: 0.5 },
  recovery: { samples: 64 },
  finetune: { epochs: 3, early_stopping: { patience: 1 } },
  algorithm: { prune_times: 1 },
};
let bench: JobBench;

beforeAll(async () => {
  await useCpu();
  bench = await openJobBench(smallClassifier(), { train: 1, validation: 1 });
});

async function dataWith(testSeed: number): Promise<string> {
  const [train, val, last] = [drawShapes(128, 1), drawShapes(40, 2), drawShapes(70, testSeed)];
  const path = join(bench.folder, `parts-${testSeed}.npz`);
  const y = { y_train: train.y, y_val: val.y, y_test: last.y };
  await writeNpz(path, { x_train: train.x, x_val: val.x, x_test: last.x, ...y });
  return path;
}

test('results are of the last part, and by it nothing is decided', async () => {
  const [once, other] = [await dataWith(3), await dataWith(4)];
  const one = await bench.run(CONFIG, { dataPath: once });
  const { stages, pruned } = one.outcome.result!;
  expect(stages.map(({ stage, samples }) => [stage, samples])).toEqual(
    ['original', 'pruned', 'recovered', 'finetuned', 'exported'].map((stage) => [stage, 70]),
  );
  const whole = (share: number, samples: number) => expect(share * samples).toBeCloseTo(Math.round(share * samples), 6);
  for (const { accuracy } of [...stages, pruned]) whole(accuracy!, 70);
  for (const { name, value } of one.recording.metrics) if (name === 'accuracy') whole(value, 40);
  const two = await bench.run(CONFIG, { dataPath: other });
  const modelOf = (outDir: string) => readFile(join(outDir, 'model.zip'));
  expect((await modelOf(two.outDir)).equals(await modelOf(one.outDir))).toBe(true);
  expect(two.outcome.result!.pruned.loss).not.toBe(pruned.loss);
  const finetuned = stages.find(({ stage }) => stage === 'finetuned')!;
  expect(finetuned.accuracy).toBe(stages.at(-1)!.accuracy);
});

test('canceled, what it goes back to is measured on the last part', async () => {
  const abort = new AbortController();
  const { outcome } = await bench.run(CONFIG, {
    dataPath: await dataWith(3),
    signal: abort.signal,
    onMetric: ({ name, epoch }) => name === 'train_loss' && epoch === 1 && abort.abort(new Error('stopped')),
  });
  expect(outcome.status).toBe('canceled');
  const [finetuned, exported] = outcome.result!.stages.slice(-2);
  expect(finetuned).toMatchObject({ stage: 'finetuned', samples: 70, accuracy: exported.accuracy });
});
