import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Artifact, Job } from '../../src/api/schemas/jobs.js';
import { EspalierError } from '../../src/errors.js';
import { OUTCOME, sha } from '../jobs/samples.js';
import { DATASET, expectProblem, expectSchema, file, type Harness, multipart, openHarness } from './harness.js';

let h: Harness;
beforeEach(async () => {
  h = await openHarness();
});
afterEach(() => h.close());

const upload = async (kind: 'models' | 'datasets', data = 'bytes') =>
  (await h.app.inject({ method: 'POST', url: `/${kind}`, ...multipart([file(data)]) })).json().id as string;
const post = (payload: object, headers = {}) => h.app.inject({ method: 'POST', url: '/jobs', payload, headers });
const get = async (id: string, rest = '') => (await h.app.inject(`/jobs/${id}${rest}`)).json();
const start = async (config?: object) => (await post({ model: await upload('models'), config })).json().id as string;

describe('POST /jobs', () => {
  test('202 with the job; the message has all that a worker needs', async () => {
    const model = await upload('models', 'a');
    const dataset = await upload('datasets', 'b');
    const answer = await post({ model, dataset, config: { target: { flops: 0.3 } } });
    expect(answer.statusCode).toBe(202);
    expectSchema(Job.schema, answer.json());
    const job = answer.json();
    expect(answer.headers.location).toBe(`/jobs/${job.id}`);
    expect(job).toMatchObject({ status: 'queued', progress: 0, model, dataset, phase: null, result: null });
    expect(job.config).toMatchObject({ target: { macs: 0.3 }, finetune: { batch_size: 32 }, seed: 0 });
    expect(h.queue.enqueued).toEqual([
      {
        job_id: job.id,
        attempt: 1,
        model: { blob: sha('a'), sha256: sha('a'), name: 'model.zip' },
        dataset: { blob: sha('b'), sha256: sha('b'), name: 'model.zip' },
        config: job.config,
        request_id: answer.headers['x-request-id'],
      },
    ]);
    expect(await get(job.id)).toEqual(job);
    expect(h.logged.find((l) => l.msg === 'job queued')).toMatchObject({
      job_id: job.id,
      request_id: answer.headers['x-request-id'],
    });
  });

  test.each<[string, object, string, string]>([
    ['no model', {}, 'VALIDATION_FAILED', '/model'],
    ['an unknown model', { model: 'mdl_none' }, 'VALIDATION_FAILED', '/model'],
    ['an unknown data set', { model: 'MODEL', dataset: 'dst_none' }, 'VALIDATION_FAILED', '/dataset'],
    ['a number for a model', { model: 3 }, 'VALIDATION_FAILED', '/model'],
    ['an unknown field', { model: 'MODEL', configs: {} }, 'VALIDATION_FAILED', '/configs'],
    ['an unknown field of the config', { model: 'MODEL', config: { tarket: {} } }, 'CONFIG_INVALID', '/config/tarket'],
    ['finetuning without data', { model: 'MODEL', config: { finetune: {} } }, 'CONFIG_INVALID', '/config/finetune'],
    ['an unknown output', { model: 'MODEL', config: { outputs: ['softmx'] } }, 'OUTPUT_UNKNOWN', '/config/outputs/0'],
    [
      'an unknown unit',
      { model: 'MODEL', config: { algorithm: { target_pruning_ratio: { 'conv_(0, 9)_9': 0.5 } } } },
      'UNIT_UNKNOWN',
      '/config/algorithm/target_pruning_ratio/conv_(0, 9)_9',
    ],
  ])('%s: 422 at once', async (_name, payload, code, pointer) => {
    const model = await upload('models');
    const answer = await post(JSON.parse(JSON.stringify(payload).replace('MODEL', model)));
    const body = expectProblem(answer, code as 'CONFIG_INVALID');
    expect(body.errors?.map((e) => e.pointer)).toEqual([pointer]);
    expect(h.queue.enqueued).toEqual([]);
    expect((await h.app.inject('/jobs')).json().data).toEqual([]);
  });

  test('data that do not fit the model: 422', async () => {
    h.queue.inspection = async () => ({ ...DATASET, input_shape: [32, 32, 3], num_classes: 5 });
    const dataset = await upload('datasets');
    h.queue.inspection = async () => (await import('../jobs/samples.js')).INSPECTION;
    const body = expectProblem(await post({ model: await upload('models'), dataset }), 'CONFIG_INVALID');
    expect(body.errors?.map((e) => e.message.split(' ')[0])).toEqual(['samples', 'labels']);
  });

  test('everything in one multipart call; stored uploads can be named by id', async () => {
    const parts = [
      file('m1', 'model.json', 'model'),
      file('m2', 'w.bin', 'model'),
      file('d', 'data.npz', 'dataset'),
      { field: 'config', data: '{"target": {"parameters": 0.4}}' },
    ];
    const answer = await h.app.inject({ method: 'POST', url: '/jobs', ...multipart(parts) });
    expect(answer.statusCode).toBe(202);
    const job = answer.json();
    expect(job.config.target).toEqual({ parameters: 0.4 });
    const byId = [{ field: 'model', data: job.model }, file('{"seed": 7}', 'config.json', 'config')];
    const again = await h.app.inject({ method: 'POST', url: '/jobs', ...multipart(byId) });
    expect(again.json()).toMatchObject({ model: job.model, dataset: null, config: { seed: 7 } });
  });

  test('an empty config part is told as that, and a file name without @ as what it is', async () => {
    const send = async (...parts: Parameters<typeof multipart>[0]) =>
      expectProblem(await h.app.inject({ method: 'POST', url: '/jobs', ...multipart(parts) }), 'BAD_REQUEST').detail;
    const model = file('m', 'm', 'model');
    expect(await send(model, { field: 'config', data: '' })).toMatch(/^part "config" is not JSON/);
    const typed = multipart([model, { field: 'config', data: '{' }]);
    const payload = String(typed.payload).replace(
      'name="config"\r\n',
      'name="config"\r\ncontent-type: application/json\r\n',
    );
    const answer = await h.app.inject({ method: 'POST', url: '/jobs', headers: typed.headers, payload });
    expect(expectProblem(answer, 'BAD_REQUEST').detail).toBe(
      'a part that says that it is application/json is not JSON',
    );
    const named = await h.app.inject({
      method: 'POST',
      url: '/jobs',
      ...multipart([{ field: 'model', data: 'model.zip' }]),
    });
    expect(expectProblem(named, 'VALIDATION_FAILED').detail).toContain('to send a file write model=@model.zip');
  });

  test.each<[string, Parameters<typeof multipart>[0], string]>([
    ['no model', [{ field: 'config', data: '{}' }], 'VALIDATION_FAILED'],
    ['an unknown part', [file('m', 'm', 'modell')], 'BAD_REQUEST'],
    ['an unknown field', [{ field: 'seed', data: '1' }], 'BAD_REQUEST'],
    ['a config that is no JSON', [file('m', 'm', 'model'), { field: 'config', data: '{target' }], 'BAD_REQUEST'],
    [
      'two configs',
      [
        { field: 'config', data: '{}' },
        { field: 'config', data: '{}' },
      ],
      'BAD_REQUEST',
    ],
    ['a wrong config', [file('m', 'm', 'model'), { field: 'config', data: '{"seed": -1}' }], 'CONFIG_INVALID'],
    ['a config that is an array', [file('m', 'm', 'model'), { field: 'config', data: '[]' }], 'CONFIG_INVALID'],
    ['a model by file and by id', [file('m', 'm', 'model'), { field: 'model', data: 'mdl_x' }], 'BAD_REQUEST'],
    ['an empty data set', [file('m', 'm', 'model'), file('', 'd', 'dataset')], 'BAD_REQUEST'],
    [
      'a config beyond the limit',
      [file('m', 'm', 'model'), file(' '.repeat(2 ** 20 + 1), 'c', 'config')],
      'PAYLOAD_TOO_LARGE',
    ],
    ['a config field beyond the limit', [{ field: 'config', data: ' '.repeat(2 ** 20 + 1) }], 'PAYLOAD_TOO_LARGE'],
  ])('one call with %s: refused, nothing left behind', async (_name, parts, code) => {
    expectProblem(await h.app.inject({ method: 'POST', url: '/jobs', ...multipart(parts) }), code as 'BAD_REQUEST');
    expect(await h.files()).toEqual([]);
    expect(h.queue.enqueued).toEqual([]);
  });

  test('a queue that is known to be away: 503, and no job is left behind', async () => {
    const model = await upload('models');
    h.queue.readiness = 'Redis does not answer';
    const answer = await post({ model });
    expectProblem(answer, 'UNAVAILABLE');
    expect(answer.headers['retry-after']).toBe('5');
    expect((await h.app.inject('/jobs')).json().data).toEqual([]);
  });

  test('a queue that goes away meanwhile: 202, and the job is queued when it is back', async () => {
    const model = await upload('models');
    h.queue.enqueueError = new EspalierError('UNAVAILABLE', 'lost the connection');
    const answer = await post({ model }, { 'idempotency-key': 'k' });
    expect(answer.statusCode).toBe(202);
    const { id } = answer.json();
    expect(await get(id)).toMatchObject({ status: 'queued' });
    expect((await post({ model }, { 'idempotency-key': 'k' })).json().id).toBe(id);
    expect(h.queue.enqueued).toEqual([]);
    h.queue.enqueueError = undefined;
    await expect.poll(() => h.queue.enqueued, { timeout: 10_000 }).toMatchObject([{ job_id: id, attempt: 1 }]);
  });
});

describe('Idempotency-Key', () => {
  test('the same request, also at the same time: one job; another request: 409', async () => {
    const model = await upload('models');
    const key = { 'idempotency-key': 'abc' };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => post({ model, config: { seed: 1, dry_run: true } }, key)),
    );
    expect(answers.map((a) => a.statusCode)).toEqual([202, 202, 202, 202, 202]);
    expect(new Set(answers.map((a) => a.json().id)).size).toBe(1);
    expect(h.queue.enqueued).toHaveLength(1);
    const reordered = await post({ config: { dry_run: true, seed: 1 }, model }, key);
    expect(reordered.json().id).toBe(answers[0].json().id);
    expectProblem(await post({ model, config: { seed: 2 } }, key), 'IDEMPOTENCY_CONFLICT');
    expectProblem(await post({ model }, { 'idempotency-key': 'x'.repeat(256) }), 'BAD_REQUEST');
  });

  test('a request that comes again is answered whatever became of its model, the queue and the disk', async () => {
    const model = await upload('models');
    const key = { 'idempotency-key': 'again' };
    const { id } = (await post({ model, config: { seed: 3 } }, key)).json();
    const error = { code: 'INTERNAL', message: 'no', phase: null, retryable: false };
    await h.report({ job_id: id, attempt: 1, type: 'failed', error });
    expect((await h.app.inject({ method: 'DELETE', url: `/models/${model}` })).statusCode).toBe(204);
    h.queue.readiness = 'the queue is away';
    const again = await post({ config: { seed: 3 }, model }, key);
    expect([again.statusCode, again.json().id]).toEqual([202, id]);
    const { payload, headers } = multipart([
      { field: 'model', data: model },
      { field: 'config', data: '{"seed": 3}' },
    ]);
    const form = await h.app.inject({ method: 'POST', url: '/jobs', payload, headers: { ...headers, ...key } });
    expect([form.statusCode, form.json().id]).toEqual([202, id]);
    expectProblem(await post({ model, config: { seed: 4 } }, key), 'IDEMPOTENCY_CONFLICT');
  });

  test('multipart with the same bytes is the same request', async () => {
    const send = (data: string) => {
      const { payload, headers } = multipart([file(data, 'm.zip', 'model')]);
      const all = { ...headers, 'idempotency-key': 'k' };
      return h.app.inject({ method: 'POST', url: '/jobs', payload, headers: all });
    };
    expect((await send('a')).json().id).toBe((await send('a')).json().id);
    expectProblem(await send('b'), 'IDEMPOTENCY_CONFLICT');
  });
});

describe('the life of a job', () => {
  test('reports change what GET answers; the end has result and artifacts', async () => {
    const id = await start();
    await h.report({ job_id: id, attempt: 1, type: 'started' });
    await h.report({ job_id: id, attempt: 1, type: 'progress', phase: 'pruning', progress: 0.3 });
    await h.report({ job_id: id, attempt: 1, type: 'warning', code: 'W', message: 'careful' });
    expect(await get(id)).toMatchObject({
      status: 'running',
      phase: 'pruning',
      progress: 0.3,
      warnings: [{ code: 'W', message: 'careful' }],
    });
    await h.finish(id);
    const job = await get(id);
    expectSchema(Job.schema, job);
    expect(job).toMatchObject({ status: 'succeeded', progress: 1, result: OUTCOME.result, error: null });
    expect(h.queue.forgotten).toEqual([id]);
  });

  test('a result of an older version, without a headline, stages and agreement, is served as it is', async () => {
    const id = await start();
    const { headline: _, stages: __, baseline, ...rest } = OUTCOME.result!;
    const { agreement: ___, ...measures } = baseline;
    const old = { ...rest, baseline: measures, pruned: measures } as unknown as typeof OUTCOME.result;
    await h.report({ job_id: id, attempt: 1, type: 'finished', outcome: { ...OUTCOME, result: old, artifacts: [] } });
    const job = await get(id);
    expectSchema(Job.schema, job);
    expect(job.result).toEqual(old);
  });

  test('a failed job says why', async () => {
    const id = await start();
    const error = { code: 'TRAINING_DIVERGED', message: 'loss is NaN', phase: 'finetuning', retryable: false } as const;
    await h.report({ job_id: id, attempt: 1, type: 'failed', error });
    const job = await get(id);
    expectSchema(Job.schema, job);
    expect(job).toMatchObject({ status: 'failed', error });
    const body = expectProblem(await h.app.inject(`/jobs/${id}/model`), 'JOB_NO_RESULT');
    expect(body.detail).toContain('TRAINING_DIVERGED: loss is NaN');
  });

  test('reports of an older attempt and of a finished job change nothing', async () => {
    const id = await start();
    await h.report({ job_id: id, attempt: 2, type: 'started' });
    await h.report({ job_id: id, attempt: 1, type: 'finished', outcome: OUTCOME });
    expect(await get(id)).toMatchObject({ status: 'running' });
    const error = { code: 'INTERNAL', message: '', phase: null, retryable: false };
    await h.report({ job_id: id, attempt: 2, type: 'failed', error });
    await h.report({ job_id: id, attempt: 3, type: 'started' });
    expect(await get(id)).toMatchObject({ status: 'failed' });
  });

  test.each(['deleted', 'canceled'])(
    'a job that runs although it is %s is stopped, and leaves nothing',
    async (how) => {
      const id = await start();
      await h.app.inject({ method: 'POST', url: `/jobs/${id}/cancel` });
      if (how === 'deleted') await h.app.inject({ method: 'DELETE', url: `/jobs/${id}` });
      h.queue.canceled.length = 0;
      const { mkdir, writeFile } = await import('node:fs/promises');
      for (const folder of [h.folders.checkpointDir(id), h.folders.attemptDir(id, 1)]) {
        await mkdir(folder, { recursive: true });
        await writeFile(`${folder}/data`, '0');
      }
      await h.report({ job_id: id, attempt: 1, type: 'started' });
      expect(h.queue.canceled).toEqual([id]);
      await h.report({ job_id: id, attempt: 1, type: 'finished', outcome: { ...OUTCOME, status: 'canceled' } });
      expect(h.queue.forgotten).toEqual([id]);
      // What a retry could go on from stays.
      const kept = how === 'canceled' ? [`${h.folders.checkpointDir(id)}/data`] : [];
      expect((await h.files()).filter((f) => f.includes('/jobs/'))).toEqual(kept);
    },
  );

  describe('a retry', () => {
    const retry = (id: string) => h.app.inject({ method: 'POST', url: `/jobs/${id}/retry` });
    const failure = {
      code: 'TRAINING_DIVERGED',
      message: 'loss is NaN',
      phase: 'finetuning',
      retryable: false,
    } as const;

    test('queues a failed job as it was, without what the failure left on its record', async () => {
      const id = await start();
      const before = await get(id);
      await h.report({ job_id: id, attempt: 1, type: 'warning', code: 'W', message: 'careful' });
      await h.report({ job_id: id, attempt: 1, type: 'failed', error: failure });
      h.queue.enqueued.length = 0;
      h.queue.forgotten.length = 0;
      const answer = await retry(id);
      expect(answer.statusCode).toBe(202);
      expectSchema(Job.schema, answer.json());
      expect(answer.json()).toMatchObject({ ...before, started_at: expect.any(String) });
      expect(h.queue.forgotten).toEqual([id]);
      expect(h.queue.enqueued).toMatchObject([{ job_id: id, attempt: 3 }]);
      // What is told again of the run that failed is no news.
      await h.report({ job_id: id, attempt: 1, type: 'failed', error: failure });
      expect(await get(id)).toMatchObject({ status: 'queued', error: null });
      await h.report({ job_id: id, attempt: 3, type: 'finished', outcome: OUTCOME });
      expect(await get(id)).toMatchObject({ status: 'succeeded', error: null });
    });

    test('of a canceled job drops the result that it had kept', async () => {
      const id = await start();
      h.queue.cancelAnswer = 'signaled';
      await h.app.inject({ method: 'POST', url: `/jobs/${id}/cancel` });
      await h.report({ job_id: id, attempt: 1, type: 'finished', outcome: { ...OUTCOME, status: 'canceled' } });
      expect((await h.app.inject(`/jobs/${id}/artifacts`)).json().data).toHaveLength(2);
      expect((await retry(id)).statusCode).toBe(202);
      expect((await h.store.artifacts(id)).length).toBe(0);
      expect(await h.store.findJob(id)).toMatchObject({ status: 'queued', cancelRequested: false, result: null });
    });

    test('is refused while the job is queued or runs, once it has succeeded, and when its model was deleted', async () => {
      const id = await start();
      expectProblem(await retry('job_none'), 'NOT_FOUND');
      expectProblem(await retry(id), 'JOB_NOT_FINISHED');
      await h.report({ job_id: id, attempt: 1, type: 'started' });
      expectProblem(await retry(id), 'JOB_NOT_FINISHED');
      await h.finish(id);
      expectProblem(await retry(id), 'JOB_SUCCEEDED');
      const other = await start();
      await h.report({ job_id: other, attempt: 1, type: 'failed', error: failure });
      await h.app.inject({ method: 'DELETE', url: `/models/${(await get(other)).model}` });
      expect(expectProblem(await retry(other), 'NOT_FOUND').detail).toMatch(
        /^mdl_.*, which job_.* needs, was deleted$/,
      );
      expect(await get(other)).toMatchObject({ status: 'failed' });
    });

    test('with the queue away is refused, and the job stays as it was', async () => {
      const id = await start();
      await h.report({ job_id: id, attempt: 1, type: 'failed', error: failure });
      h.queue.forgetError = new EspalierError('UNAVAILABLE', 'lost the connection');
      expectProblem(await retry(id), 'UNAVAILABLE');
      expect(await get(id)).toMatchObject({ status: 'failed', error: failure });
    });
  });

  test('checkpoints go when the job has ended, also when the queue is away just then', async () => {
    const id = await start();
    const { mkdir, writeFile } = await import('node:fs/promises');
    await mkdir(h.folders.checkpointDir(id), { recursive: true });
    await writeFile(`${h.folders.checkpointDir(id)}/weights`, '0');
    h.queue.forgetError = new EspalierError('UNAVAILABLE', 'lost the connection');
    await h.finish(id);
    expect((await h.files()).filter((f) => f.includes('checkpoints'))).toEqual([]);
  });

  test('wait answers when the status changes, for everybody who waits', async () => {
    const id = await start();
    const waits = Array.from({ length: 3 }, () => get(id, '?wait=30'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await h.report({ job_id: id, attempt: 1, type: 'started' });
    for (const job of await Promise.all(waits)) expect(job.status).toBe('running');
    await h.finish(id);
    expect((await get(id, '?wait=30')).status).toBe('succeeded');
  });

  test('wait answers when the time is up, and when the service stops', async () => {
    const id = await start();
    const before = performance.now();
    expect((await get(id, '?wait=0.2')).status).toBe('queued');
    expect(performance.now() - before).toBeGreaterThanOrEqual(190);
    expectProblem(await h.app.inject(`/jobs/${id}?wait=61`), 'VALIDATION_FAILED');
    const waiting = get(id, '?wait=30');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await h.stop();
    expect((await waiting).status).toBe('queued');
  });

  test('a model in use by an unfinished job can not be deleted', async () => {
    const id = await start();
    const { model } = await get(id);
    const remove = () => h.app.inject({ method: 'DELETE', url: `/models/${model}` });
    expectProblem(await remove(), 'RESOURCE_IN_USE');
    await h.finish(id);
    expect((await remove()).statusCode).toBe(204);
    expect((await get(id)).model).toBe(model);
  });
});

describe('cancel and delete', () => {
  const cancel = (id: string) => h.app.inject({ method: 'POST', url: `/jobs/${id}/cancel` });
  const remove = (id: string) => h.app.inject({ method: 'DELETE', url: `/jobs/${id}` });

  test('a waiting job is canceled at once; again nothing happens', async () => {
    const id = await start();
    const answer = await cancel(id);
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ id, status: 'canceled' });
    expect((await cancel(id)).json()).toEqual(answer.json());
    expectProblem(await h.app.inject(`/jobs/${id}/model`), 'JOB_NO_RESULT');
    expectProblem(await cancel('job_none'), 'NOT_FOUND');
  });

  test('a waiting job that is canceled leaves the checkpoint that a retry goes on from, and nothing else', async () => {
    const id = await start();
    const { mkdir, writeFile } = await import('node:fs/promises');
    await mkdir(h.folders.checkpointDir(id), { recursive: true });
    await writeFile(`${h.folders.checkpointDir(id)}/weights`, '0');
    await cancel(id);
    const kept = [`${h.folders.checkpointDir(id)}/weights`];
    expect((await h.files()).filter((f) => f.includes('/jobs/'))).toEqual(kept);
  });

  test('with the queue away a cancel is kept, and told when it is back', async () => {
    const id = await start();
    h.queue.cancelError = new EspalierError('UNAVAILABLE', 'lost the connection');
    const answer = await cancel(id);
    expect([answer.statusCode, answer.json().status]).toEqual([202, 'queued']);
    h.queue.cancelError = undefined;
    await expect.poll(() => get(id), { timeout: 10_000 }).toMatchObject({ status: 'canceled' });
  });

  test('a running job is canceled by its worker; its best point is served', async () => {
    const id = await start();
    await h.report({ job_id: id, attempt: 1, type: 'started' });
    h.queue.cancelAnswer = 'signaled';
    expect((await cancel(id)).json().status).toBe('running');
    const { mkdir, writeFile } = await import('node:fs/promises');
    await mkdir(h.folders.attemptDir(id, 1), { recursive: true });
    await writeFile(`${h.folders.attemptDir(id, 1)}/model.zip`, '0123456789');
    await h.report({ job_id: id, attempt: 1, type: 'finished', outcome: { ...OUTCOME, status: 'canceled' } });
    expect(await get(id)).toMatchObject({ status: 'canceled', result: OUTCOME.result });
    expect((await h.app.inject(`/jobs/${id}/model`)).body).toBe('0123456789');
  });

  test('only finished jobs are deleted, with their artifacts', async () => {
    const id = await start();
    expectProblem(await remove(id), 'JOB_NOT_FINISHED');
    await h.finish(id);
    expect((await h.files()).filter((f) => f.includes('/jobs/'))).toHaveLength(2);
    expect((await remove(id)).statusCode).toBe(204);
    expect((await h.files()).filter((f) => f.includes('/jobs/'))).toEqual([]);
    expectProblem(await h.app.inject(`/jobs/${id}`), 'NOT_FOUND');
    expectProblem(await remove(id), 'NOT_FOUND');
  });
});

test('jobs are listed newest first, page by page, by status', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift(await start());
  await h.finish(ids[2]);
  const first = (await h.app.inject('/jobs?limit=4')).json();
  expect(first.data.map((j: { id: string }) => j.id)).toEqual(ids.slice(0, 4));
  const rest = (await h.app.inject(`/jobs?limit=4&cursor=${first.next_cursor}`)).json();
  expect(rest).toMatchObject({ data: [{ id: ids[4] }], next_cursor: null });
  const done = (await h.app.inject('/jobs?status=succeeded')).json();
  expect(done.data.map((j: { id: string }) => j.id)).toEqual([ids[2]]);
});

describe('artifacts', () => {
  test('before the end: 409', async () => {
    const id = await start();
    for (const rest of ['model', 'report', 'artifacts', 'artifacts/model.zip']) {
      expectProblem(await h.app.inject(`/jobs/${id}/${rest}`), 'JOB_NOT_FINISHED');
    }
    expectProblem(await h.app.inject('/jobs/job_none/model'), 'NOT_FOUND');
  });

  test('listed with size and hash; each can be fetched by its url', async () => {
    const id = await start();
    await h.finish(id);
    const { data } = await get(id, '/artifacts');
    for (const artifact of data) {
      expectSchema(Artifact.schema, artifact);
      const answer = await h.app.inject(artifact.url);
      expect(answer.headers.etag).toBe(`"${artifact.sha256}"`);
      expect(answer.headers['content-length']).toBe(String(artifact.size_bytes));
      expect(sha(answer.body)).toBe(artifact.sha256);
    }
    expect((await h.app.inject(`/jobs/${id}/report`)).headers['content-type']).toBe('application/json');
    expectProblem(await h.app.inject(`/jobs/${id}/artifacts/none`), 'NOT_FOUND');
    expectProblem(await h.app.inject(`/jobs/${id}/artifacts/..%2F..%2Frecord.db`), 'NOT_FOUND');
  });

  test.each<[string, Record<string, string>, number, string, string | undefined]>([
    ['a part', { range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
    ['from a byte on', { range: 'bytes=7-' }, 206, '789', 'bytes 7-9/10'],
    ['the last bytes', { range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
    ['an end beyond the end', { range: 'bytes=8-99' }, 206, '89', 'bytes 8-9/10'],
    ['more last bytes than there are', { range: 'bytes=-99' }, 206, '0123456789', 'bytes 0-9/10'],
    ['a start beyond the end', { range: 'bytes=10-' }, 416, '', 'bytes */10'],
    ['no last bytes', { range: 'bytes=-0' }, 416, '', 'bytes */10'],
    ['several ranges', { range: 'bytes=0-1,3-4' }, 200, '0123456789', undefined],
    ['another unit', { range: 'lines=0-1' }, 200, '0123456789', undefined],
    ['backwards', { range: 'bytes=4-2' }, 200, '0123456789', undefined],
    ['if it is still this one', { range: 'bytes=2-4', 'if-range': 'ETAG' }, 206, '234', 'bytes 2-4/10'],
    ['if it were another', { range: 'bytes=2-4', 'if-range': '"other"' }, 200, '0123456789', undefined],
    ['known already', { 'if-none-match': '"other", ETAG' }, 304, '', undefined],
    ['anything known', { 'if-none-match': '*' }, 304, '', undefined],
    ['another known', { 'if-none-match': '"other"' }, 200, '0123456789', undefined],
  ])('ranges and conditions: %s', async (_name, headers, status, body, range) => {
    const id = await start();
    await h.finish(id);
    const etag = `"${sha('0123456789')}"`;
    const sent = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, v.replace('ETAG', etag)]));
    const answer = await h.app.inject({ url: `/jobs/${id}/model`, headers: sent });
    expect(answer.statusCode).toBe(status);
    expect(answer.body).toBe(body);
    expect(answer.headers['content-range']).toBe(range);
    expect(answer.headers.etag).toBe(etag);
  });
});

test('an ending that the record could not take is not lost: it is recorded when it can', async () => {
  const id = await start();
  const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  const updates = vi.spyOn(h.store, 'updateJob').mockRejectedValueOnce(full);
  await h.finish(id);
  expect(await get(id)).toMatchObject({ status: 'succeeded' });
  expect(updates).toHaveBeenCalledTimes(2);
  expect(h.logged.find((l) => l.msg === 'the end of a job could not be recorded; trying again')).toMatchObject({
    job_id: id,
  });
});
