import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { filledTypes } from '../../src/api/client-types.js';
import { openApiYaml } from '../../src/api/openapi.js';
import { ERRORS } from '../../src/errors.js';
import { BUILT_IN_PARTS } from '../../src/prune-config/index.js';
import { findWebGpuFault } from '../../src/webgpu.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { expectProblem, file, type Harness, type HarnessOptions, multipart, openHarness } from './harness.js';

let h: Harness;
afterEach(() => h?.close());
const open = async (options?: HarnessOptions) => {
  h = await openHarness(options);
  return h.app;
};

test('errors of every kind are problem+json', async () => {
  const app = await open();
  expectProblem(await app.inject('/nothing'), 'NOT_FOUND');
  expectProblem(await app.inject('/%E0%A4%A'), 'BAD_REQUEST');
  const wrong = await app.inject({ method: 'PUT', url: '/jobs' });
  expectProblem(wrong, 'METHOD_NOT_ALLOWED');
  expect(wrong.headers.allow).toBe('GET, HEAD, POST');
  expectProblem(await app.inject({ method: 'PATCH', url: '/jobs/job_x/model' }), 'METHOD_NOT_ALLOWED');
  const json = { 'content-type': 'application/json' };
  const post = (payload: string, headers: Record<string, string> = json) =>
    app.inject({ method: 'POST', url: '/jobs', payload, headers });
  expectProblem(await post('{"model":'), 'BAD_REQUEST');
  expectProblem(await post(''), 'VALIDATION_FAILED');
  expectProblem(await post('{"__proto__": {"x": 1}}'), 'BAD_REQUEST');
  expectProblem(await post('null'), 'VALIDATION_FAILED');
  expectProblem(await post('[]'), 'VALIDATION_FAILED');
  const xml = expectProblem(await post('<x/>', { 'content-type': 'application/xml' }), 'UNSUPPORTED_MEDIA_TYPE');
  expect(xml.detail).toBe('found application/xml; send application/json or multipart/form-data');
  expectProblem(await post(JSON.stringify({ model: 'x'.repeat(2 ** 20) })), 'PAYLOAD_TOO_LARGE');
});

test('a request without a body may say that it is JSON', async () => {
  const app = await open();
  const json = { 'content-type': 'application/json' };
  expectProblem(await app.inject({ method: 'POST', url: '/jobs/job_x/cancel', headers: json }), 'NOT_FOUND');
  expectProblem(await app.inject({ method: 'DELETE', url: '/jobs/job_x', headers: json }), 'NOT_FOUND');
});

test('a full disk is told as one, not as a fault of the request or a path', async () => {
  const app = await open();
  h.queue.inspection = async () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, open '/data/x'"), { code: 'ENOSPC' });
  };
  const answer = await app.inject({ method: 'POST', url: '/models', ...multipart([file('a')]) });
  expect(expectProblem(answer, 'DISK_FULL').detail).toBe("the service's disk is full");
  expect(await h.files()).toEqual([]);
});

test.each(['warn', 'error'])(
  'with LOG_LEVEL %s a fault of ours is in the log, by the id of its answer',
  async (logLevel) => {
    const app = await open({ logLevel });
    h.queue.inspection = async () => {
      throw new TypeError('undefined is no layer');
    };
    const answer = await app.inject({ method: 'POST', url: '/models', ...multipart([file('a')]) });
    const { detail, request_id } = expectProblem(answer, 'INTERNAL');
    expect(detail).toBe('something went wrong here; the log has it under this request_id');
    const err = expect.objectContaining({
      stack: expect.stringMatching(/TypeError: undefined is no layer\n.*service/),
    });
    expect(h.logged).toContainEqual(expect.objectContaining({ level: 50, request_id, err }));
  },
);

test('what is not HTTP is answered, too', async () => {
  const app = await open();
  await app.listen({ port: 0, host: '127.0.0.1' });
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1', () => socket.end('hello\r\n\r\n'));
    socket.on('data', (d) => {
      text += d;
    });
    socket.on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*"code":"BAD_REQUEST"/);
});

test('every answer names its request', async () => {
  const app = await open();
  const [a, b] = [await app.inject('/healthz'), await app.inject('/healthz')];
  expect(a.headers['x-request-id']).toMatch(/^req_/);
  expect(a.headers['x-request-id']).not.toBe(b.headers['x-request-id']);
});

test('with a key, everything but health and docs needs it', async () => {
  const app = await open({ apiKey: 'a-good-key' });
  const at = (url: string, authorization?: string) =>
    app.inject({ url, ...(authorization && { headers: { authorization } }) });
  for (const url of ['/jobs', '/models', '/capabilities', '/documents', '/nothing']) {
    const answer = await at(url);
    expectProblem(answer, 'UNAUTHORIZED');
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  }
  for (const wrong of ['Bearer wrong', 'Basic a-good-key', 'a-good-key', 'Bearer ', 'Bearer a-good-key2']) {
    expectProblem(await at('/jobs', wrong), 'UNAUTHORIZED');
  }
  expect((await at('/jobs', 'Bearer a-good-key')).statusCode).toBe(200);
  expect((await at('/healthz')).statusCode).toBe(200);
  expect((await at('/readyz')).statusCode).toBe(200);
  // A browser brings no key of its own: the page of the docs has a field for it.
  for (const url of ['/docs', '/docs/', '/docs/static/swagger-ui-bundle.js', '/docs/json', '/openapi.json']) {
    expect((await at(url)).statusCode, url).toBe(200);
  }
  expect((await at('/')).headers.location).toBe('/docs');
});

describe('without a key', () => {
  const send = (headers: Record<string, string>, method: 'GET' | 'POST' = 'POST') =>
    h.app.inject({ method, url: method === 'GET' ? '/jobs' : '/jobs/job_x/cancel', headers });

  test.each(['localhost', 'localhost:3000', '127.0.0.1:80', '127.1.2.3', '[::1]:3000', 'LOCALHOST:1'])(
    'it is used as %s',
    async (host) => {
      await open();
      expect((await send({ host }, 'GET')).statusCode).toBe(200);
      expectProblem(await send({ host, origin: `http://${host}` }), 'NOT_FOUND');
    },
  );

  test.each(['evil.example', 'evil.example:3000', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1'])(
    'a request to Host "%s" is refused: a page may have pointed that name here',
    async (host) => {
      await open();
      expectProblem(await send({ host }, 'GET'), 'FOREIGN_REQUEST');
      expectProblem(await send({ host, origin: `http://${host}` }), 'FOREIGN_REQUEST');
    },
  );

  test.each(['https://evil.example', 'http://localhost:5173', 'http://localhost:3000.evil.example', 'null'])(
    'a request of a page of %s is refused',
    async (origin) => {
      await open();
      const answer = expectProblem(await send({ host: 'localhost:3000', origin }), 'FOREIGN_REQUEST');
      expect(answer.detail).toContain(origin);
    },
  );

  test('with one, who brings it may come from anywhere', async () => {
    await open({ apiKey: 'a-good-key' });
    const headers = { host: 'prune.example', origin: 'https://app.example', authorization: 'Bearer a-good-key' };
    expect((await send(headers, 'GET')).statusCode).toBe(200);
  });
});

test('readiness follows the queue', async () => {
  const app = await open();
  expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready' });
  h.queue.readiness = 'Redis does not answer';
  expect(expectProblem(await app.inject('/readyz'), 'UNAVAILABLE').detail).toBe('Redis does not answer');
  expect((await app.inject('/healthz')).statusCode).toBe(200);
});

test('that it is not ready is told to the log when it changes, not each time that somebody asks', async () => {
  const app = await open();
  const ask = async (readiness: string | true) => {
    h.queue.readiness = readiness;
    for (let i = 0; i < 3; i++) await app.inject('/readyz');
  };
  await ask(true);
  for (const readiness of ['Redis is full: 3 MiB', 'Redis is full: 2 MiB', 'Redis is away', true] as const) {
    await ask(readiness);
  }
  expect(h.logged.map(({ level, msg }) => [level, msg])).toEqual([
    [50, 'the service is not ready: Redis is full: 3 MiB'],
    [50, 'the service is not ready: Redis is away'],
    [30, 'the service is ready again'],
  ]);
});

test('capabilities, docs and the way there', async () => {
  const app = await open();
  expect((await app.inject('/capabilities')).json()).toMatchObject({
    engines: [...new Set([CPU_ENGINE, 'onnxruntime'])],
    devices: (await findWebGpuFault()) === undefined ? ['cpu', 'webgpu'] : ['cpu'],
    algorithms: ['IteAlgorithm'],
    mutators: BUILT_IN_PARTS.mutators.map(({ name }) => name),
    units: BUILT_IN_PARTS.unitTypes.map(({ name }) => name),
    criteria: BUILT_IN_PARTS.criteria.map(({ name }) => name),
    criterion_details: BUILT_IN_PARTS.criteria.map(({ name }) =>
      expect.objectContaining({ name, about: expect.any(String), needs: expect.stringMatching(/nothing|samples/) }),
    ),
    dataset_formats: ['npz', 'images'],
    limits: {
      upload_bytes: 512 * 2 ** 20,
      dataset_upload_bytes: 16 * 2 ** 30,
      json_bytes: 2 ** 20,
      queued_jobs: 1000,
      job_deadline_seconds: 7200,
      job_memory_bytes: 8 * 2 ** 30,
      inspection_seconds: 30,
      inspection_memory_bytes: 2 ** 30,
      unpacked_bytes: 2 ** 31,
      compression_ratio: 200,
      entries: 2000,
      dataset_unpacked_bytes: 64 * 2 ** 30,
      dataset_entries: 1_000_000,
    },
  });
  expect((await app.inject('/')).headers.location).toBe('/docs');
  expect((await app.inject('/docs/')).body).toContain('swagger-ui');
});

test('openapi.yaml is what the routes say (npm run openapi writes it)', async () => {
  expect(readFileSync('openapi.yaml', 'utf8')).toBe(await openApiYaml());
});

test('openapi.yaml has the defaults that configs are filled in with', async () => {
  const { components } = parse(await openApiYaml());
  const { algorithm, finetune, counting } = components.schemas.Config.properties;
  expect(algorithm.properties).toMatchObject({ type: { default: 'IteAlgorithm' }, step_freq: { 'x-default': 1 } });
  expect(finetune.anyOf[1].properties).toMatchObject({ batch_size: { default: 32 }, shuffle: { default: true } });
  expect(counting.default).toBe('macs');
});

test('the types of a filled config are those of the schemas (npm run openapi writes them)', () => {
  expect(readFileSync('src/prune-config/filled.ts', 'utf8')).toBe(filledTypes());
});

test('every operation has an operationId of its own, a summary, a description and a described answer', async () => {
  const app = await open();
  const { paths } = (await app.inject('/openapi.json')).json() as {
    paths: Record<
      string,
      Record<string, { operationId: string; summary: string; description: string; responses: object }>
    >;
  };
  const operations = Object.values(paths).flatMap((p) => Object.values(p));
  expect(operations.length).toBeGreaterThan(20);
  for (const o of operations) {
    expect([o.operationId, o.summary, o.description].every(Boolean), JSON.stringify(o).slice(0, 200)).toBe(true);
  }
  expect(new Set(operations.map((o) => o.operationId)).size).toBe(operations.length);
});

test('docs/errors.md lists the table of errors', () => {
  const rows = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(\w+)` \| (\d+) \| (.+?) \|$/gm)];
  expect(rows.map((r) => ({ code: r[1], status: Number(r[2]), title: r[3] }))).toEqual(
    Object.entries(ERRORS).map(([code, { status, title }]) => ({ code, status, title })),
  );
});
