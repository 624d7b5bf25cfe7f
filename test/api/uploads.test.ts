import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Dataset, Model, Units } from '../../src/api/schemas/uploads.js';
import { EspalierError } from '../../src/errors.js';
import { INSPECTION } from '../jobs/samples.js';
import { DATASET, expectProblem, expectSchema, file, type Harness, multipart, openHarness } from './harness.js';

let h: Harness;
beforeEach(async () => {
  h = await openHarness({ limits: { uploadBytes: 1000, datasetUploadBytes: 3000 } });
});
afterEach(() => h.close());

const post = (parts: Parameters<typeof multipart>[0], url = '/models') =>
  h.app.inject({ method: 'POST', url, ...multipart(parts) });

describe('POST /models', () => {
  test('201 with what the inspection found; the same bytes again 200 with the same id', async () => {
    const first = await post([file('bytes of a model')]);
    expect(first.statusCode).toBe(201);
    expectSchema(Model.schema, first.json());
    const model = first.json();
    expect(model).toMatchObject({ format: 'tfjs-layers', name: 'tiny', size_bytes: 16, parameters: 100, macs: 1000 });
    expect(first.headers.location).toBe(`/models/${model.id}`);
    expect(model.id).toMatch(/^mdl_[0-9A-Z]{26}$/);

    const again = await post([file('bytes of a model', 'other-name.zip')]);
    expect(again.statusCode).toBe(200);
    expect(again.json()).toEqual(model);
    expect(h.queue.inspected).toHaveLength(1);
    expect((await h.app.inject(`/models/${model.id}`)).json()).toEqual(model);
  });

  test('the same bytes at the same time are one model, inspected once', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => post([file('same')])));
    expect(new Set(answers.map((a) => a.json().id)).size).toBe(1);
    expect(answers.map((a) => a.statusCode).sort()).toEqual([200, 200, 200, 200, 200, 201]);
    expect(h.queue.inspected).toHaveLength(1);
    expect(await h.files()).toHaveLength(1);
  });

  test('the same bytes at the same time that are refused are refused alike, after one inspection', async () => {
    h.queue.inspection = async () => {
      throw new EspalierError('MODEL_INVALID', 'no model');
    };
    const answers = await Promise.all(Array.from({ length: 4 }, () => post([file('same')])));
    for (const answer of answers) expect(expectProblem(answer, 'MODEL_INVALID').detail).toBe('no model');
    expect(h.queue.inspected).toHaveLength(1);
    expect(await h.files()).toEqual([]);
  });

  test('the same bytes at the same time under other names, or as data, have each a verdict of their own', async () => {
    h.queue.inspection = async (kind, { name }) => {
      if (name === 'bad.zip') throw new EspalierError('MODEL_INVALID', 'no model');
      return kind === 'model' ? INSPECTION : DATASET;
    };
    const answers = await Promise.all([
      post([file('same', 'bad.zip')]),
      post([file('same', 'good.zip')]),
      post([file('same', 'bad.zip')]),
      post([file('same', 'good.zip')], '/datasets'),
    ]);
    expect([answers[1], answers[3]].map((a) => a.statusCode)).toEqual([201, 201]);
    // Whoever comes when the bytes are a model already is given that one.
    for (const bad of [answers[0], answers[2]]) expect([200, 422]).toContain(bad.statusCode);
    expect(await h.blobs.has(answers[1].json().sha256)).toBe(true);
  });

  test('a file that is lost is put back by the same bytes', async () => {
    const { sha256 } = (await post([file('same')])).json();
    await h.blobs.delete(sha256);
    expect((await post([file('same')])).statusCode).toBe(200);
    expect(await h.blobs.has(sha256)).toBe(true);
  });

  test('several files are one folder', async () => {
    const answer = await post([
      file('{}', 'model.json'),
      file('ab', 'group1-shard1of2.bin'),
      file('c', 'group1-shard2of2.bin'),
    ]);
    expect(answer.statusCode).toBe(201);
    expect(answer.json().size_bytes).toBe(5);
    expect(h.queue.inspected[0].name).toBe('model.json');
  });

  test.each<[string, Parameters<typeof multipart>[0], RegExp]>([
    ['no part', [], /no part "file"/],
    ['an empty file', [file('')], /"model\.zip" is empty/],
    ['an empty file after a good one', [file('ok'), file('', 'b.bin')], /"b\.bin" is empty/],
    ['a part of another name', [file('x', 'a.zip', 'model')], /part "model" is unknown/],
    ['a field', [{ field: 'file', data: 'x' }], /no file name/],
    ['another field', [{ field: 'name', data: 'x' }], /part "name" is unknown/],
    ['two files of one name', [file('a'), file('b')], /two files are named "model\.zip"/],
    [
      'two files of one name in other folders',
      [file('a', 'a/x.bin'), file('b', 'b/x.bin')],
      /two files are named "x\.bin"/,
    ],
    ['a name that is a folder', [file('a', '..')], /file without a name/],
  ])('%s: 400, nothing left behind', async (_name, parts, detail) => {
    expect(expectProblem(await post(parts), 'BAD_REQUEST').detail).toMatch(detail);
    expect(await h.files()).toEqual([]);
    expect(h.queue.inspected).toEqual([]);
  });

  test('too large, in one file or in several: 413, nothing left behind', async () => {
    expectProblem(await post([file('x'.repeat(1001))]), 'PAYLOAD_TOO_LARGE');
    expectProblem(await post([file('x'.repeat(600), 'a'), file('y'.repeat(600), 'b')]), 'PAYLOAD_TOO_LARGE');
    expect(await h.files()).toEqual([]);
    expect((await post([file('x'.repeat(1000))])).statusCode).toBe(201);
  });

  test('not multipart: 415', async () => {
    const json = { method: 'POST', url: '/models', payload: { file: 'x' } } as const;
    expectProblem(await h.app.inject(json), 'UNSUPPORTED_MEDIA_TYPE');
    const raw = { ...json, payload: 'x', headers: { 'content-type': 'application/zip' } };
    expectProblem(await h.app.inject(raw), 'UNSUPPORTED_MEDIA_TYPE');
    expectProblem(await h.app.inject({ method: 'POST', url: '/models' }), 'UNSUPPORTED_MEDIA_TYPE');
  });

  test.each([
    ['no boundary', 'multipart/form-data', 'x'],
    [
      'cut off',
      'multipart/form-data; boundary=B',
      '--B\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
    ],
    ['not the boundary', 'multipart/form-data; boundary=B', 'hello'],
  ])('a body that is not valid multipart (%s): 400', async (_name, type, payload) => {
    const answer = await h.app.inject({ method: 'POST', url: '/models', payload, headers: { 'content-type': type } });
    expectProblem(answer, 'BAD_REQUEST');
    expect(await h.files()).toEqual([]);
  });

  test('a model that the inspection refuses: its code and pointers, nothing left behind', async () => {
    h.queue.inspection = async () => {
      throw new EspalierError('WEIGHTS_MISSING', 'shard2of2.bin is missing', {
        errors: [{ pointer: '/weightsManifest/0', message: 'shard2of2.bin' }],
      });
    };
    const body = expectProblem(await post([file('bad')]), 'WEIGHTS_MISSING');
    expect(body.errors).toEqual([{ pointer: '/weightsManifest/0', message: 'shard2of2.bin' }]);
    expect(await h.files()).toEqual([]);
    expect((await h.app.inject('/models')).json().data).toEqual([]);
  });

  test('a fault of ours says nothing of its inside, and is logged', async () => {
    h.queue.inspection = async () => {
      throw new TypeError('secret /path');
    };
    const answer = await post([file('bad')]);
    const body = expectProblem(answer, 'INTERNAL');
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(h.logged.find((l) => l.request_id === body.request_id && l.level === 50)).toMatchObject({
      err: { message: 'secret /path' },
    });
  });

  test('an upload that breaks off leaves nothing behind, and the service goes on', async () => {
    await h.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = h.app.server.address() as AddressInfo;
    const finished = new Promise<void>((resolve) => h.app.server.once('request', (_q, r) => r.once('close', resolve)));
    const request = httpRequest({
      port,
      method: 'POST',
      path: '/models',
      headers: { 'content-type': 'multipart/form-data; boundary=B', 'content-length': '900' },
    });
    request.on('error', () => {});
    request.write('--B\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf of the file');
    await expect.poll(() => h.files(), { timeout: 30_000 }).toHaveLength(1);
    request.destroy();
    await finished;
    await expect.poll(() => h.files(), { timeout: 5000 }).toEqual([]);
    expect((await h.app.inject('/healthz')).statusCode).toBe(200);
    expect(h.logged.filter((l) => (l.level as number) >= 50)).toEqual([]);
  });

  test('over a socket, 413 comes through while the client is still sending', async () => {
    await h.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = h.app.server.address() as AddressInfo;
    for (const chunked of [false, true]) {
      const form = new FormData();
      form.set('file', new Blob([Buffer.alloc(3_000_000)]), 'big.zip');
      const encoded = new Response(form);
      const body = chunked ? encoded.body : await encoded.arrayBuffer();
      const answer = await fetch(`http://127.0.0.1:${port}/models`, {
        method: 'POST',
        body,
        headers: { 'content-type': encoded.headers.get('content-type')! },
        duplex: 'half',
      } as RequestInit);
      expect(answer.status).toBe(413);
      expect(await answer.json()).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    }
    expect(await h.files()).toEqual([]);
  });
});

describe('models', () => {
  test('listed newest first, page by page', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift((await post([file(`model ${i}`)])).json().id);
    const first = (await h.app.inject('/models?limit=3')).json();
    expect(first.data.map((m: { id: string }) => m.id)).toEqual(ids.slice(0, 3));
    const second = (await h.app.inject(`/models?limit=3&cursor=${first.next_cursor}`)).json();
    expect(second.data.map((m: { id: string }) => m.id)).toEqual(ids.slice(3));
    expect(second.next_cursor).toBeNull();
  });

  test.each([
    ['/models?limit=0', '/query/limit'],
    ['/models?limit=101', '/query/limit'],
    ['/models?limit=ten', '/query/limit'],
    ['/models?page=2', '/query/page'],
    ['/jobs?status=done', '/query/status'],
  ])('%s: 422 at %s', async (url, pointer) => {
    const body = expectProblem(await h.app.inject(url), 'VALIDATION_FAILED');
    expect(body.errors?.map((e) => e.pointer)).toEqual([pointer]);
  });

  test('deleted with its bytes; the same bytes can come again', async () => {
    const { id } = (await post([file('x')])).json();
    expect((await h.app.inject({ method: 'DELETE', url: `/models/${id}` })).statusCode).toBe(204);
    expect(await h.files()).toEqual([]);
    expectProblem(await h.app.inject(`/models/${id}`), 'NOT_FOUND');
    expectProblem(await h.app.inject({ method: 'DELETE', url: `/models/${id}` }), 'NOT_FOUND');
    expect((await post([file('x')])).statusCode).toBe(201);
  });

  test('bytes that are a model and a data set stay while one of them is there', async () => {
    const { id } = (await post([file('both')])).json();
    const dataset = (await post([file('both')], '/datasets')).json();
    await h.app.inject({ method: 'DELETE', url: `/models/${id}` });
    expect(await h.files()).toHaveLength(1);
    await h.app.inject({ method: 'DELETE', url: `/datasets/${dataset.id}` });
    expect(await h.files()).toEqual([]);
  });

  test('uploads and deletes of the same bytes at once never leave a record without its bytes', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = (await post([file('contended')])).json();
      const [, again] = await Promise.all([
        h.app.inject({ method: 'DELETE', url: `/models/${id}` }),
        post([file('contended')]),
      ]);
      expect([200, 201]).toContain(again.statusCode);
      for (const model of (await h.app.inject('/models')).json().data) {
        expect(await h.blobs.has(model.sha256)).toBe(true);
      }
    }
  });
});

describe('GET /models/{id}/units', () => {
  test('the template, narrow by default, with everything on request', async () => {
    const { id } = (await post([file('x')])).json();
    const bare = (await h.app.inject(`/models/${id}/units`)).json();
    expectSchema(Units.schema, bare);
    expect(bare.channel_unit_cfg.units).toEqual({
      'conv_(0, 8)_8': { choice: 1, num_channels: 8, is_mutable: true },
      'dense_(0, 3)_3': { choice: 1, num_channels: 3, is_mutable: false },
    });
    expect(bare.unprunable).toEqual(INSPECTION.units.unprunable);
    const all = await h.app.inject(`/models/${id}/units?with_unit_init_args=true&with_channels=true`);
    expect(all.json()).toEqual(INSPECTION.units);
    const mutable = (await h.app.inject(`/models/${id}/units?only_mutable_units=true`)).json();
    expect(Object.keys(mutable.channel_unit_cfg.units)).toEqual(['conv_(0, 8)_8']);
    expectProblem(await h.app.inject(`/models/${id}/units?with_channels=maybe`), 'VALIDATION_FAILED');
    expectProblem(await h.app.inject('/models/mdl_none/units'), 'NOT_FOUND');
  });
});

test('data sets have an upload limit of their own, in a call with a model too', async () => {
  expect((await post([file('x'.repeat(3000))], '/datasets')).statusCode).toBe(201);
  expectProblem(await post([file('x'.repeat(3001))], '/datasets'), 'PAYLOAD_TOO_LARGE');
  const job = (model: number, dataset: number) =>
    post([file('m'.repeat(model), 'm', 'model'), file('d'.repeat(dataset), 'd', 'dataset')], '/jobs');
  expect(expectProblem(await job(1001, 10), 'PAYLOAD_TOO_LARGE').detail).toMatch(/1000 bytes/);
  expect(expectProblem(await job(1000, 3001), 'PAYLOAD_TOO_LARGE').detail).toMatch(/3000 bytes/);
  expect((await job(1000, 3000)).json().code).not.toBe('PAYLOAD_TOO_LARGE');
});

test('POST /datasets tells the classes of images, and that their sizes differ', async () => {
  const found = { ...DATASET, kind: 'images', input_shape: null, classes: ['cat', 'dog'] };
  h.queue.inspection = async () => found;
  const answer = await post([file('data', 'pets.zip')], '/datasets');
  expectSchema(Dataset.schema, answer.json());
  expect(answer.json()).toMatchObject({ kind: 'images', input_shape: null, classes: ['cat', 'dog'] });
});

test('POST /datasets: 201 with what the inspection found', async () => {
  const answer = await post([file('data', 'train.npz')], '/datasets');
  expect(answer.statusCode).toBe(201);
  expectSchema(Dataset.schema, answer.json());
  expect(answer.json()).toMatchObject({ kind: 'npz', name: 'train.npz', num_classes: 3, input_shape: [8, 8, 1] });
  expect((await h.app.inject('/datasets')).json().data).toEqual([answer.json()]);
  expect((await h.app.inject(`/datasets/${answer.json().id}`)).json()).toEqual(answer.json());
});
