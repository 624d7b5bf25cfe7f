/** A service that is started with a plugin: what it lists, takes, refuses, and runs in its children. */
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeZip } from '../../src/archive/index.js';
import { createClient, type PruneConfigInput } from '../../src/client/index.js';
import { CRITERIA } from '../../src/pruning/index.js';
import { smallClassifier } from '../support/job-bench.js';
import { modelFiles, useCpu } from '../support/tfjs.js';
import { type ServiceProcess, startApi, startProcess, temporaryFolder } from './processes.js';

const PLUGIN = resolve('dist/examples/plugins/geometric-median.js');

const folder = temporaryFolder();
let service: ServiceProcess;

beforeAll(async () => {
  await useCpu();
  service = await startApi({ DATA_DIR: join(folder.path, 'data'), ESPALIER_PLUGINS: PLUGIN });
});

afterAll(async () => {
  await service.end();
  folder.remove();
});

test('the parts of a plugin are listed, and a job runs with them', async () => {
  const capabilities = (await (await fetch(`${service.url}/capabilities`)).json()) as Record<string, string[]>;
  expect(capabilities.algorithms).toEqual(['IteAlgorithm', 'OneTimeAlgorithm']);
  expect(capabilities.units).toContain('BatchNormChannelUnit');
  expect(capabilities.criteria).toEqual([...CRITERIA.map(({ name }) => name), 'geometric_median']);

  const model = join(folder.path, 'model.zip');
  await writeZip(await modelFiles(smallClassifier()), model);
  const client = createClient({ url: service.url });
  const channel_unit_cfg = { type: 'CriterionChannelUnit', criterion: 'geometric_median' };
  const config = {
    algorithm: { type: 'OneTimeAlgorithm', mutator_cfg: { channel_unit_cfg }, target_pruning_ratio: 0.5 },
  };
  const { id } = await client.submit({ model: [model], config });
  const job = await client.waitForJob(id);
  expect(job.status).toBe('succeeded');
  const report = await (await fetch(`${service.url}/jobs/${id}/report`)).json();
  expect(report).toMatchObject({ units: [{ importance: { criterion: 'geometric_median' } }, {}] });

  const wrong = { algorithm: { type: 'OneTimeAlgorithm', prune_after: 2 } } as PruneConfigInput;
  await expect(client.submit({ model: [model], config: wrong })).rejects.toMatchObject({
    status: 422,
    errors: [{ pointer: '/config/algorithm/prune_after', message: 'must be < 1, found 2' }],
  });

  const unknown = { algorithm: { mutator_cfg: { channel_unit_cfg: { ...channel_unit_cfg, criterion: 'nope' } } } };
  await expect(client.submit({ model: [model], config: unknown })).rejects.toThrow(
    /must be one of "auto", .*"geometric_median", found "nope"/,
  );
});

test('a plugin that is not there stops the service at its start', async () => {
  const broken = startProcess('src/main.js', {
    PORT: '0',
    DATA_DIR: join(folder.path, 'other'),
    ESPALIER_PLUGINS: '/nowhere/plugin.js',
  });
  const [code] = await once(broken.child, 'close');
  expect(code).toBe(1);
  expect(String(broken.log.at(-1)?.msg)).toContain('ESPALIER_PLUGINS: plugin /nowhere/plugin.js');
});
