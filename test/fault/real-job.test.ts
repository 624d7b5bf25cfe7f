import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { beforeEach, expect, test } from 'vitest';
import { buildResidualNet, saveLayersModel } from '../../examples/residual-net.js';
import { drawShapes, SHAPE_CLASSES, SHAPE_SIZE } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import type { JobMessage, WorkerReport } from '../../src/jobs/messages.js';
import { resolveConfig } from '../../src/prune-config/index.js';
import { compiled, useWorker } from '../workers/worker-fixture.js';

const worker = useWorker();

beforeEach(async () => {
  await saveLayersModel(
    buildResidualNet([SHAPE_SIZE, SHAPE_SIZE, 1], SHAPE_CLASSES.length),
    join(worker.fixture.dataDir, 'model'),
  );
  const { x, y } = drawShapes(320, 7);
  await writeNpz(join(worker.fixture.dataDir, 'data.npz'), { x_train: x, y_train: y });
  await worker.fixture.start(worker.open, {
    children: { job: compiled('workers/job-child.js'), inspect: compiled('workers/inspect-child.js') },
    limits: { jobMemoryBytes: 2 ** 31 },
  });
});

const job = (epochs: number): JobMessage => {
  const finetune = { epochs, batch_size: 32, optimizer: { type: 'sgd', learning_rate: 0.05 } };
  const algorithm = { type: 'IteAlgorithm', prune_times: 2 };
  return {
    job_id: `job_${ulid()}`,
    attempt: 1,
    model: { blob: 'model', name: 'model.json', sha256: '1'.repeat(64) },
    dataset: { blob: 'data.npz', name: 'data.npz', sha256: '2'.repeat(64) },
    config: resolveConfig({ algorithm, target: { macs: 0.6 }, finetune }, { hasDataset: true }),
  };
};

const finished = (report: WorkerReport) => {
  expect(report).toMatchObject({
    type: 'finished',
    outcome: { status: 'succeeded', result: { equivalence: { ok: true } } },
  });
  return (report as Extract<WorkerReport, { type: 'finished' }>).outcome;
};

test('a job that is killed after its first epoch ends with the weights of one that was not disturbed', async () => {
  const [disturbed, undisturbed] = [job(12), job(12)];
  const firstEpoch = worker.reports.until(
    (report) => report.job_id === disturbed.job_id && report.type === 'metric' && report.epoch === 1,
  );
  await worker.open.queue.enqueue(disturbed);
  const early = await Promise.race([firstEpoch, worker.reports.ending(disturbed.job_id)]);
  expect(early).toMatchObject({ type: 'metric' });
  const { child } = worker.fixture.logged.find(({ msg }) => msg === 'job started') as unknown as { child: number };
  process.kill(child, 'SIGKILL');
  const resumed = await worker.reports.ending(disturbed.job_id);
  expect(resumed.attempt).toBe(2);
  await worker.open.queue.enqueue(undisturbed);
  const [one, other] = [finished(resumed), finished(await worker.reports.ending(undisturbed.job_id))];
  const modelOf = ({ artifacts }: typeof one) => artifacts.find(({ name }) => name.startsWith('model'));
  expect(weightsOf(disturbed.job_id, 2, modelOf(one)?.name)).toEqual(
    weightsOf(undisturbed.job_id, 1, modelOf(other)?.name),
  );
  expect(one.result?.pruned.accuracy).toBe(other.result?.pruned.accuracy);
}, 120_000);

const weightsOf = (jobId: string, attempt: number, name = ''): Buffer => {
  const zip = readFileSync(join(worker.fixture.dataDir, 'jobs', jobId, 'attempts', String(attempt), name));
  expect(zip.length).toBeGreaterThan(1000);
  return zip;
};

test('a canceled job stops within its grace time', async () => {
  // Long enough not to end by itself before the cancel reaches it.
  const message = job(10_000);
  await worker.open.queue.enqueue(message);
  await worker.reports.until(({ type }) => type === 'metric');
  expect(await worker.open.queue.cancel(message.job_id)).toBe('signaled');
  expect(await worker.reports.ending(message.job_id)).toMatchObject({
    type: 'finished',
    outcome: { status: 'canceled' },
  });
});

test('uploads are inspected in a child, and garbage is said to be garbage', async () => {
  const inspect = (kind: 'model' | 'dataset', blob: string, name: string) =>
    worker.open.queue.inspect(kind, { blob, name, sha256: '0' });
  expect(await inspect('model', 'model', 'model.json')).toMatchObject({ format: 'tfjs-layers' });
  expect(await inspect('dataset', 'data.npz', 'data.npz')).toMatchObject({ kind: 'npz', num_classes: 10 });
  writeFileSync(join(worker.fixture.dataDir, 'garbage'), 'this is no model at all');
  await expect(inspect('model', 'garbage', 'model.zip')).rejects.toMatchObject({ status: 422 });
  await expect(inspect('dataset', 'garbage', 'data.npz')).rejects.toMatchObject({ status: 422 });
});
