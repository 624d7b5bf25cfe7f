/** What one client may have the service hold, and how long an answer may be. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { JobSummary } from '../../src/api/schemas/jobs.js';
import { INSPECTION } from '../jobs/samples.js';
import {
  expectProblem,
  expectSchema,
  file,
  type Harness,
  type HarnessOptions,
  multipart,
  openHarness,
} from './harness.js';

const FAILURE = { code: 'INTERNAL', message: '', phase: null, retryable: false };

let h: Harness;
const open = async (options: HarnessOptions = {}) => {
  h = await openHarness(options);
};
beforeEach(() => open());
afterEach(() => h.close());

const upload = async (data = 'bytes') =>
  (await h.app.inject({ method: 'POST', url: '/models', ...multipart([file(data)]) })).json().id as string;
const post = (payload: unknown, headers = {}) =>
  h.app.inject({
    method: 'POST',
    url: '/jobs',
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    headers: { 'content-type': 'application/json', ...headers },
  });
const list = async (query = '') => (await h.app.inject(`/jobs${query}`)).json();

describe('lists', () => {
  test('of jobs leave out what may be long', async () => {
    const { id } = (await post({ model: await upload() })).json();
    await h.report({ job_id: id, attempt: 1, type: 'warning', code: 'NOT_MEASURED', message: 'long '.repeat(1000) });
    const { data } = await list();
    expectSchema(JobSummary.schema, data[0]);
    expect(data[0]).toMatchObject({ id, status: 'running', warnings: [{ code: 'NOT_MEASURED' }], error: null });
    expect(Object.keys(data[0])).not.toContain('config');
    expect(Object.keys(data[0])).not.toContain('result');
    expect(Object.keys(data[0].warnings[0])).toEqual(['code']);
  });

  test('have short pages where entries are long, and go on after them', async () => {
    const outputs = INSPECTION.outputs.concat(
      Array.from({ length: 999 }, (_, i) => ({ name: `${i}`.padEnd(1000, 'x'), shape: [null, 1], dtype: 'float32' })),
    );
    h.queue.inspection = async () => ({ ...INSPECTION, outputs });
    const ids = [await upload('a'), await upload('b'), await upload('c')];
    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const answer: { body: string } = await h.app.inject(`/models?limit=100${cursor && `&cursor=${cursor}`}`);
      const page: { data: { id: string }[]; next_cursor: string | null } = JSON.parse(answer.body);
      expect(answer.body.length).toBeLessThan(2 * 2 ** 20);
      expect(page.data).toHaveLength(1);
      found.push(...page.data.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    expect(found).toEqual(ids.reverse());
  });
});

describe('queued jobs', () => {
  test('are limited: 429 with the time to come again, until some have run', async () => {
    await h.close();
    await open({ limits: { queuedJobs: 2 } });
    const model = await upload();
    const jobs = [await post({ model }), await post({ model }, { 'idempotency-key': 'k' })];
    const refused = await post({ model });
    expectProblem(refused, 'QUEUE_FULL');
    expect(refused.headers['retry-after']).toBe('30');
    expect((await list()).data).toHaveLength(2);
    // Nothing new, so nothing more to hold.
    expect((await post({ model }, { 'idempotency-key': 'k' })).json().id).toBe(jobs[1].json().id);
    await h.report({ job_id: jobs[0].json().id, attempt: 1, type: 'started' });
    expect((await post({ model })).statusCode).toBe(202);
  });

  test('are as many with retries: what is over stays as it is while the queue is full', async () => {
    await h.close();
    await open({ limits: { queuedJobs: 1 } });
    const model = await upload();
    const { id } = (await post({ model })).json();
    const error = { code: 'INTERNAL', message: '', phase: null, retryable: false };
    await h.report({ job_id: id, attempt: 1, type: 'failed', error });
    const next = (await post({ model })).json();
    const retry = () => h.app.inject({ method: 'POST', url: `/jobs/${id}/retry` });
    expectProblem(await retry(), 'QUEUE_FULL');
    expect((await h.app.inject(`/jobs/${id}`)).json()).toMatchObject({ status: 'failed' });
    await h.report({ job_id: next.id, attempt: 1, type: 'started' });
    expect((await retry()).json()).toMatchObject({ status: 'queued' });
    expect((await h.app.inject(`/jobs/${id}`)).json()).toMatchObject({ status: 'queued' });
  });
});

describe('waits and event streams', () => {
  const LONG = { ignore: Array.from({ length: 900 }, (_, i) => `${i}`.padEnd(1000, 'x')) };
  const read = async (path: string) => h.app.inject(path);

  test('are limited together: 429 with the time to come again, until some have ended', async () => {
    await h.close();
    await open({ limits: { openWaits: 2 } });
    const { id } = (await post({ model: await upload() })).json();
    const waiting = [read(`/jobs/${id}?wait=30`), read(`/jobs/${id}/events`)];
    await vi.waitFor(async () => expectProblem(await read(`/jobs/${id}?wait=0.01`), 'TOO_MANY_WAITS'));
    const refused = await read(`/jobs/${id}/events`);
    expectProblem(refused, 'TOO_MANY_WAITS');
    expect(refused.headers['retry-after']).toBe('5');
    expect((await read(`/jobs/${id}`)).statusCode).toBe(200);
    await h.app.inject({ method: 'POST', url: `/jobs/${id}/cancel` });
    await Promise.all(waiting);
    await vi.waitFor(async () => expect((await read(`/jobs/${id}?wait=30`)).json().status).toBe('canceled'));
  });

  test('read nothing long until their answer is due, and then once for all', async () => {
    const { id } = (await post({ model: await upload(), config: LONG })).json();
    await h.report({ job_id: id, attempt: 1, type: 'started' });
    const [long, short] = [vi.spyOn(h.store, 'findWrittenJob'), vi.spyOn(h.store, 'findState')];
    const waits = Array.from({ length: 20 }, () => read(`/jobs/${id}?wait=30`));
    const streams = Array.from({ length: 20 }, () => read(`/jobs/${id}/events`));
    await vi.waitFor(() => expect(short.mock.calls.length).toBeGreaterThanOrEqual(80));
    for (let i = 0; i < 5; i++) {
      await h.report({ job_id: id, attempt: 1, type: 'metric', name: 'loss', value: i });
    }
    expect(long).not.toHaveBeenCalled();
    await h.report({ job_id: id, attempt: 1, type: 'failed', error: FAILURE });
    const answers = await Promise.all(waits);
    for (const { body } of answers) expect(body).toBe(answers[0].body);
    expect(answers[0].json()).toMatchObject({ status: 'failed', config: LONG });
    for (const { body } of await Promise.all(streams)) expect(body).toContain('"status":"failed"');
    expect(long).toHaveBeenCalledTimes(20);
    expect(new Set(await Promise.all(long.mock.results.map(({ value }) => value))).size).toBe(1);
  });
});

test('units that many ask for are read and written once, and gone with their model', async () => {
  const id = await upload();
  const find = vi.spyOn(h.store, 'findUnits');
  const units = async (query = '') => h.app.inject(`/models/${id}/units${query}`);
  const answers = await Promise.all(Array.from({ length: 10 }, () => units()));
  for (const { body } of answers) expect(body).toBe(answers[0].body);
  expect(find).toHaveBeenCalledTimes(1);
  expect((await units('?with_channels=true')).json()).not.toEqual(answers[0].json());
  const [first, second] = await Promise.all([h.store.findUnits(id), h.store.findUnits(id)]);
  expect(first).toBe(second);
  await h.app.inject({ method: 'DELETE', url: `/models/${id}` });
  expectProblem(await units(), 'NOT_FOUND');
  expect(await h.store.findUnits(id)).toBeUndefined();
});

test('many jobs with long configs are a short list, and not more than the queue has room for', async () => {
  const model = await upload();
  const config = { ignore: Array.from({ length: 980 }, (_, i) => `${i}`.padEnd(1000, 'x')) };
  let refused = false;
  let made = 0;
  for (; made < 80 && !refused; made++) {
    const answer = await post({ model, config });
    refused = answer.statusCode !== 202;
    if (refused) expect(expectProblem(answer, 'QUEUE_FULL').detail).toMatch(/67108864 bytes are taken/);
  }
  expect(refused).toBe(true);
  const answer = await h.app.inject('/jobs?limit=100');
  expect(answer.json().data).toHaveLength(made - 1);
  expect(answer.body.length).toBeLessThan(100_000);
});

describe('JSON', () => {
  test.each<[string, string, RegExp]>([
    ['nested deeply', `${'['.repeat(5000)}${']'.repeat(5000)}`, /nested deeper than 64 levels/],
    ['nested deeply and never closed', '{"a":'.repeat(100_000), /nested deeper than 64 levels/],
    ['of very many values', `{"scaling": {"mean": [${'0,'.repeat(260_000)}0]}}`, /holds more than 104858 values/],
    ['with a prototype', '{"__proto__": {"x": 1}}', /may not be named "__proto__"/],
    ['with a prototype in disguise', '{"\\u005f_proto__": {"x": 1}}', /may not be named "__proto__"/],
    ['that ends in a string', '{"a": "b\\', /is not JSON/],
  ])('%s is refused, as the body and as a part', async (_name, text, detail) => {
    expect(expectProblem(await post(text), 'BAD_REQUEST').detail).toMatch(detail);
    const parts = [
      { field: 'model', data: 'mdl_x' },
      { field: 'config', data: text },
    ];
    const sent = await h.app.inject({ method: 'POST', url: '/jobs', ...multipart(parts) });
    expect(expectProblem(sent, 'BAD_REQUEST').detail).toMatch(detail);
  });

  test('braces and commas in strings are only text', async () => {
    const answer = await post({ model: '[{'.repeat(200), config: {} });
    expect(expectProblem(answer, 'VALIDATION_FAILED').errors?.[0].pointer).toBe('/model');
  });
});

test('warnings of a job are so many and so long, however many come', async () => {
  const { id } = (await post({ model: await upload() })).json();
  for (let i = 0; i < 250; i++) {
    await h.report({ job_id: id, attempt: 1, type: 'warning', code: `W${i}`, message: 'x'.repeat(5000) });
  }
  const { warnings } = (await h.app.inject(`/jobs/${id}`)).json();
  expect(warnings).toHaveLength(200);
  expect(warnings[0].message).toBe(`${'x'.repeat(1999)}…`);
});
