/** openapi.yaml against the service as built: every operation is called, and what comes back is what is written there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildResidualNet, saveLayersModel } from '../../examples/residual-net.js';
import { drawShapes, SHAPE_CLASSES, SHAPE_SIZE } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import { type ServiceProcess, startApi, temporaryFolder } from './processes.js';

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

const { paths, components } = parse(readFileSync('openapi.yaml', 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
  components: object;
};
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
);
/** What was called, by operationId and status. */
const seen = new Set<string>();

const folder = temporaryFolder();
const files: { model: [string, Buffer][]; dataset: [string, Buffer][] } = { model: [], dataset: [] };
let service: ServiceProcess;

beforeAll(async () => {
  const model = join(folder.path, 'net');
  await saveLayersModel(buildResidualNet([SHAPE_SIZE, SHAPE_SIZE, 1], SHAPE_CLASSES.length), model);
  files.model = ['model.json', 'weights.bin'].map((name) => [name, readFileSync(join(model, name))]);
  const { x, y } = drawShapes(80, 7);
  await writeNpz(join(folder.path, 'data.npz'), { x_train: x, y_train: y });
  files.dataset = [['data.npz', readFileSync(join(folder.path, 'data.npz'))]];
  service = await startApi({ DATA_DIR: join(folder.path, 'data') });
});
afterAll(async () => {
  await service?.end();
  folder.remove();
});

/** The same path with its parameters filled in: `/jobs/{id}` for `/jobs/job_1?wait=1`. */
function find(method: string, url: string): Operation {
  const shape = url.split('?')[0].split('/');
  const fits = (path: string) => {
    const parts = path.split('/');
    return parts.length === shape.length && parts.every((part, i) => part.startsWith('{') || part === shape[i]);
  };
  const found = operations.find((o) => o.method === method && fits(o.path));
  if (!found) throw new Error(`openapi.yaml has no ${method} ${url}`);
  return found.operation;
}

/** Calls it, and holds status, media type and body against the document. */
async function call(method: string, url: string, init: RequestInit = {}) {
  const { operationId, responses } = find(method, url);
  const answer = await fetch(`${service.url}${url}`, { method, ...init });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const what = `${operationId} ${answer.status} ${bytes.toString('utf8').slice(0, 500)}`;
  seen.add(`${operationId} ${answer.status}`);

  const written = responses[answer.status];
  expect(written, `${what}: no such status`).toBeDefined();
  if (!written.content) {
    expect(bytes.length, what).toBe(0);
    return undefined;
  }
  const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
  const content = written.content[type] ?? written.content['*/*'];
  expect(content, `${what}: no such media type: ${type}`).toBeDefined();
  if (!/json$/.test(type) || content === written.content['*/*']) return bytes;
  const body = JSON.parse(bytes.toString('utf8'));
  const [valid, errors] = Schema.Compile({ ...content.schema, components }).Errors(body);
  expect(valid, `${what}: ${JSON.stringify(errors)}`).toBe(true);
  return body;
}

function form(parts: Record<string, [string, Buffer][] | string>): RequestInit {
  const body = new FormData();
  for (const [field, value] of Object.entries(parts)) {
    if (typeof value === 'string') body.append(field, value);
    else for (const [name, data] of value) body.append(field, new Blob([new Uint8Array(data)]), name);
  }
  return { body };
}

const json = (body: unknown): RequestInit => ({
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

async function ended(id: string) {
  for (;;) {
    const job = await call('GET', `/jobs/${id}?wait=30`);
    if (job.finished_at) return job;
  }
}

test('uploads, their records and their faults', async () => {
  const model = await call('POST', '/models', form({ file: files.model }));
  expect((await call('POST', '/models', form({ file: files.model }))).id).toBe(model.id);
  await call('POST', '/models', form({ file: [['x.zip', Buffer.from('no zip')]] }));
  await call('POST', '/models', form({ files: 'x' }));
  await call('POST', '/models', json({}));
  await call('GET', '/models');
  await call('GET', '/models?limit=0');
  await call('GET', `/models/${model.id}`);
  await call('GET', '/models/mdl_none');
  await call('GET', `/models/${model.id}/units`);
  await call('GET', `/models/${model.id}/units?with_channels=true&with_unit_init_args=true&only_mutable_units=true`);
  const dataset = await call('POST', '/datasets', form({ file: files.dataset }));
  await call('POST', '/datasets', form({ file: [['x.npz', Buffer.from('no npz')]] }));
  await call('GET', '/datasets');
  await call('GET', `/datasets/${dataset.id}`);
  await call('DELETE', `/datasets/${dataset.id}`);
  await call('DELETE', `/datasets/${dataset.id}`);
  await call('DELETE', `/models/${model.id}`);
  await call('DELETE', `/models/${model.id}`);
});

test('jobs that succeed, fail and are canceled, and what they leave', async () => {
  const config = JSON.stringify({ target: { macs: 0.6 }, finetune: { epochs: 1, batch_size: 16 } });
  const { id, model } = await call('POST', '/jobs', form({ ...files, config }));
  await call('GET', `/jobs/${id}/model`);
  await call('DELETE', `/jobs/${id}`);
  await call('DELETE', `/models/${model}`);
  const job = await ended(id);
  expect(job).toMatchObject({ status: 'succeeded', result: { equivalence: { ok: true } } });
  const stages = ['original', 'pruned', 'recovered', 'finetuned', 'exported'].map((stage) =>
    expect.objectContaining({ stage }),
  );
  expect(job.result).toMatchObject({
    stages,
    headline: expect.stringMatching(/of the MACs; accuracy .* 8 samples\)$/),
  });
  expect(job.warnings.map(({ code }: { code: string }) => code)).toContain('FEW_SAMPLES');
  await call('GET', `/jobs/${id}/model`);
  await call('GET', `/jobs/${id}/model`, { headers: { range: 'bytes=0-3' } });
  await call('GET', `/jobs/${id}/model`, { headers: { range: 'bytes=999999999-' } });
  await call('GET', `/jobs/${id}/model`, { headers: { 'if-none-match': '*' } });
  expect((await call('GET', `/jobs/${id}/report`)).units.length).toBeGreaterThan(0);
  const { data } = await call('GET', `/jobs/${id}/artifacts`);
  for (const { name } of data) await call('GET', `/jobs/${id}/artifacts/${name}`);
  await call('GET', `/jobs/${id}/artifacts/none`);

  const events = String(await call('GET', `/jobs/${id}/events`));
  expect(events).toContain('"status":"succeeded"');
  const [lastId] = [...events.matchAll(/^id: (.*)$/gm)].at(-1)!.slice(1);
  await call('GET', `/jobs/${id}/events`, { headers: { 'last-event-id': lastId } });
  await call('GET', '/jobs/job_none/events');

  const dry = await call('POST', '/jobs', json({ model, config: { dry_run: true } }));
  expect(await ended(dry.id)).toMatchObject({ status: 'succeeded', result: null });
  expect((await call('GET', `/jobs/${dry.id}/report`)).summary).toMatchObject({ reachable: true });
  const unreachable = await call('POST', '/jobs', json({ model, config: { target: { macs: { at_most: 1 } } } }));
  expect(await ended(unreachable.id)).toMatchObject({ status: 'failed', error: { code: 'TARGET_UNREACHABLE' } });
  const canceled = await call('POST', '/jobs', json({ model, config: { seed: 1 } }));
  await call('POST', `/jobs/${canceled.id}/cancel`);
  await ended(canceled.id);
  await call('POST', '/jobs/job_none/cancel');
  await call('POST', `/jobs/${unreachable.id}/retry`);
  expect(await ended(unreachable.id)).toMatchObject({ status: 'failed', error: { code: 'TARGET_UNREACHABLE' } });
  await call('POST', `/jobs/${id}/retry`);

  await call('POST', '/jobs', json({ model, config: { tarket: 1 } }));
  await call('POST', '/jobs', { ...json({}), body: '{' });
  await call('POST', '/jobs', { ...json({}), headers: { 'content-type': 'text/csv' } });
  await call('GET', '/jobs?limit=2');
  await call('GET', '/jobs?status=bogus');
  await call('GET', '/jobs/job_none');
  await call('DELETE', `/jobs/${id}`);
});

test('the service itself', async () => {
  for (const url of ['/healthz', '/readyz', '/capabilities']) await call('GET', url);
});

test('nothing in the document was left out', () => {
  const called = new Set([...seen].map((s) => s.split(' ')[0]));
  expect(operations.map((o) => o.operation.operationId).filter((id) => !called.has(id))).toEqual([]);
  // Answers beyond the good ones: these were all met above.
  for (const answer of [
    'createJob 400',
    'createJob 415',
    'createJob 422',
    'deleteModel 409',
    'downloadModel 206',
    'watchJob 204',
  ]) {
    expect(seen, answer).toContain(answer);
  }
});
