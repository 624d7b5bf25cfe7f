/** A model whose file leaves the extents of its input open: counted, trained and measured at those of the data. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SHAPE_SIZE } from '../../examples/shapes.js';
import type { JobResult } from '../../src/contract.js';
import { inspectDataset, inspectModel } from '../../src/pipeline/index.js';
import { checkConfigAgainstModel, resolveConfig } from '../../src/prune-config/index.js';
import type { UnitReport } from '../../src/report/unit-report.js';
import { type JobBench, openJobBench } from '../support/job-bench.js';
import { tf, useCpu } from '../support/tfjs.js';

const L = tf.layers;
const FILTERS = 8;
const CONFIG = { target: { macs: 0.5 }, finetune: false };

let bench: JobBench;

beforeAll(async () => {
  await useCpu();
  const layers = [
    L.conv2d({ name: 'conv', filters: FILTERS, kernelSize: 3, padding: 'same', inputShape: [null, null, 1] }),
    L.reLU({ name: 'relu' }),
    L.globalAveragePooling2d({ name: 'pool' }),
    L.dense({ name: 'scores', units: 10, activation: 'softmax' }),
  ];
  bench = await openJobBench(tf.sequential({ layers }), { train: 40, validation: 20 });
});

afterAll(() => rm(bench.folder, { recursive: true, force: true }));

async function pruned(data: boolean) {
  const { outcome, outDir, recording } = await bench.run(CONFIG, { data });
  const report = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8')) as UnitReport<JobResult>;
  return { result: outcome.result!, report, warnings: recording.warnings };
}

test('an inspection leaves them open, so that data of any extents pass the check of a request', async () => {
  const model = await inspectModel(bench.modelPath, 'model');
  const data = await inspectDataset(bench.dataPath, 'data.npz');
  expect(model.inputs[0].shape).toEqual([null, null, null, 1]);
  expect(checkConfigAgainstModel(resolveConfig({}, { hasDataset: true }), model, data)).toEqual([]);
});

test('with data, at the extents of the data, which the report states', async () => {
  const { result, report, warnings } = await pruned(true);
  expect(warnings).toContain('INPUT_SIZE_FROM_DATA');
  expect(warnings).not.toContain('INPUT_SIZE_ASSUMED');
  expect(result.baseline.macs).toBe(9 * FILTERS * SHAPE_SIZE ** 2 + FILTERS * 10);
  expect(result.equivalence?.ok).toBe(true);
  expect(result.pruned.accuracy).not.toBeNull();
  expect(Object.values(report.environment.inputs)).toEqual([[SHAPE_SIZE, SHAPE_SIZE, 1]]);
});

test('without data, at extents that a warning and the report state', async () => {
  const { result, report, warnings } = await pruned(false);
  expect(warnings).toContain('INPUT_SIZE_ASSUMED');
  expect(result.baseline.macs).toBe(9 * FILTERS * 224 ** 2 + FILTERS * 10);
  expect(result.equivalence?.ok).toBe(true);
  expect(Object.values(report.environment.inputs)).toEqual([[224, 224, 1]]);
});
