/** Requests that break parsers: each is told what is wrong with it, and none is the service's fault. */
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Problem } from '../../src/api/schemas/common.js';
import { expectProblem, expectSchema, file, type Harness, multipart, openHarness } from './harness.js';

let h: Harness;
beforeEach(async () => {
  h = await openHarness();
});
afterEach(() => h.close());

const upload = async () =>
  (await h.app.inject({ method: 'POST', url: '/models', ...multipart([file('bytes')]) })).json().id as string;

/** Sends bytes as they are, and gives the whole answer. */
async function raw(text: string | Buffer): Promise<string> {
  if (h.app.server.address() === null) await h.app.listen({ port: 0, host: '127.0.0.1' });
  const socket = connect((h.app.server.address() as AddressInfo).port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  socket.end(text);
  await once(socket, 'close');
  return answer;
}

const expectRaw = (answer: string, status: number, code: string) => {
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer).toContain('application/problem+json');
  expect(answer).toContain(`"code":"${code}"`);
};

describe('multipart', () => {
  const send = (contentType: string, payload: string | Buffer, url = '/models') =>
    h.app.inject({ method: 'POST', url, payload, headers: { 'content-type': contentType } });
  const body = (boundary: string, headers: string, data = 'x') =>
    `--${boundary}\r\n${headers}\r\n\r\n${data}\r\n--${boundary}--\r\n`;
  const long = 'b'.repeat(5000);

  test.each<[string, string, string]>([
    [
      'a boundary of 5,000 characters',
      `multipart/form-data; boundary=${long}`,
      body(long, 'content-disposition: form-data; name="file"; filename="a"'),
    ],
    ['no boundary', 'multipart/form-data', 'x'],
    [
      'another boundary than it says',
      'multipart/form-data; boundary=a',
      body('b', 'content-disposition: form-data; name="file"; filename="a"'),
    ],
    ['a part without headers', 'multipart/form-data; boundary=a', body('a', '')],
    [
      'a part without a name',
      'multipart/form-data; boundary=a',
      body('a', 'content-disposition: form-data; filename="a"'),
    ],
    [
      'a part named __proto__',
      'multipart/form-data; boundary=a',
      body('a', 'content-disposition: form-data; name="__proto__"'),
    ],
    [
      'a file named __proto__',
      'multipart/form-data; boundary=a',
      body('a', 'content-disposition: form-data; name="constructor"; filename="x"'),
    ],
    [
      'a broken header',
      'multipart/form-data; boundary=a',
      body('a', 'content-disposition: form-data; name="file\0"; filename=\u0001'),
    ],
    [
      'a charset that is none',
      'multipart/form-data; charset=x-none; boundary=a',
      body('a', 'content-disposition: form-data; name="file"; filename*=x-none\'\'%ff%00'),
    ],
    ['headers of a part without end', 'multipart/form-data; boundary=a', `--a\r\nx: ${'y'.repeat(200_000)}`],
    [
      'a name of a file with a NUL',
      'multipart/form-data; boundary=a',
      body('a', 'content-disposition: form-data; name="file"; filename="a\0b"'),
    ],
    ['nothing at all', 'multipart/form-data; boundary=a', ''],
  ])('with %s', async (_name, contentType, payload) => {
    for (const url of ['/models', '/datasets', '/jobs']) {
      const answer = await send(contentType, payload, url);
      expect([400, 413, 415, 422], `${url} ${answer.body}`).toContain(answer.statusCode);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
    expect(await h.files()).toEqual([]);
  });

  test('with a JSON part nested 100,000 levels deep', async () => {
    const text = '['.repeat(100_000) + ']'.repeat(100_000);
    const part = `content-disposition: form-data; name="config"\r\ncontent-type: application/json`;
    expectProblem(await send('multipart/form-data; boundary=a', body('a', part, text), '/jobs'), 'BAD_REQUEST');
  });

  test('with more parts than are taken', async () => {
    const parts = Array.from({ length: 3000 }, () => file('x'));
    expectProblem(await h.app.inject({ method: 'POST', url: '/models', ...multipart(parts) }), 'BAD_REQUEST');
    const fields = Array.from({ length: 3000 }, () => ({ field: 'x', data: 'x' }));
    expectProblem(await h.app.inject({ method: 'POST', url: '/models', ...multipart(fields) }), 'BAD_REQUEST');
  });
});

describe('addresses', () => {
  test.each([
    '/jobs/%',
    '/jobs/%ff',
    '/jobs/%00',
    '/jobs/%E0%A4%A',
    '/jobs/..%2f..%2fetc%2fpasswd',
    `/jobs/${'x'.repeat(400)}`,
    '/jobs/job_x?wait=NaN',
    '/jobs/job_x?wait=1e999',
    '/jobs/job_x?wait=1&wait=2',
    '/jobs/job_x?__proto__[x]=1',
    '/jobs?limit=%',
    '/jobs?limit=1e1&limit=3',
    '/jobs?status[]=queued',
    '/jobs?cursor=',
    `/jobs?cursor=${'x'.repeat(200)}`,
    '/models/mdl_x/units?with_channels=maybe',
    '/jobs/job_x/artifacts/..%2f..%2frecord.db',
    '/jobs/job_x/artifacts/%00',
  ])('%s', async (url) => {
    const answer = await h.app.inject(url);
    expect([400, 404, 414, 422], answer.body).toContain(answer.statusCode);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  test.each([
    '/jobs?cursor=%00',
    '/jobs?cursor=%ff',
    "/jobs?cursor='--",
    '/jobs?cursor=job_x',
    '/jobs?cursor=mdl_01K0000000000000000000000A',
    '/models?cursor=job_01K0000000000000000000000A',
    '/datasets?cursor=%ED%A0%80',
    '/models?cursor=%C3%A9',
    '/jobs?limit=10.5',
    '/jobs?limit=0x10',
    '/jobs?limit=true',
    '/jobs?limit=',
    '/jobs/job_x?wait=true',
    '/models/mdl_x/units?with_channels=2',
  ])('%s: 422', async (url) => {
    const [, name] = /\?(\w+)=/.exec(url) ?? [];
    const body = expectProblem(await h.app.inject(url), 'VALIDATION_FAILED');
    expect(body.errors).toEqual([{ pointer: `/query/${name}`, message: expect.any(String) }]);
  });

  test.each(['/jobs?cursor=job_01K0000000000000000000000A', '/models?cursor=mdl_01K0000000000000000000000A'])(
    '%s: a page that may be empty',
    async (url) => expect((await h.app.inject(url)).json()).toEqual({ data: [], next_cursor: null }),
  );
});

describe('headers', () => {
  test('a Last-Event-ID that is none', async () => {
    const { id } = (await h.app.inject({ method: 'POST', url: '/jobs', payload: { model: await upload() } })).json();
    await h.finish(id);
    for (const last of ['m-9e999', 'x'.repeat(100), '\u00ff\u00fe', '-', '0']) {
      const answer = await h.app.inject({ url: `/jobs/${id}/events`, headers: { 'last-event-id': last } });
      expect([200, 204]).toContain(answer.statusCode);
    }
    const long = { 'last-event-id': 'x'.repeat(101) };
    expectProblem(await h.app.inject({ url: `/jobs/${id}/events`, headers: long }), 'VALIDATION_FAILED');
  });

  test('ranges and conditions that are none', async () => {
    const { id } = (await h.app.inject({ method: 'POST', url: '/jobs', payload: { model: await upload() } })).json();
    await h.finish(id);
    const get = (headers: Record<string, string>) => h.app.inject({ url: `/jobs/${id}/model`, headers });
    const huge = '9'.repeat(400);
    for (const range of [
      'bytes=',
      'bytes=-',
      'bytes=5-1',
      'bytes=0-1,2-3',
      'items=0-1',
      `bytes=${'0-1,'.repeat(3000)}`,
      'bytes=-0x5',
    ]) {
      expect((await get({ range })).statusCode, range).toBe(200);
    }
    for (const range of ['bytes=10-', `bytes=${huge}-`, 'bytes=-0'])
      expect((await get({ range })).statusCode).toBe(416);
    for (const range of [`bytes=0-${huge}`, `bytes=-${huge}`]) expect((await get({ range })).statusCode).toBe(206);
    for (const tag of ['"', '*,*', ','.repeat(5000)])
      expect((await get({ 'if-none-match': tag })).statusCode).toBe(200);
  });

  test('a body in an encoding is not taken, and told so', async () => {
    for (const encoding of ['gzip', 'br', 'x-none', 'gzip, gzip']) {
      const headers = { 'content-encoding': encoding, 'content-type': 'application/json' };
      const answer = await h.app.inject({ method: 'POST', url: '/jobs', payload: '{}', headers });
      expect(expectProblem(answer, 'UNSUPPORTED_MEDIA_TYPE').detail).toContain(encoding);
    }
    const plain = { 'content-encoding': 'identity', 'content-type': 'application/json' };
    expectProblem(
      await h.app.inject({ method: 'POST', url: '/jobs', payload: '{}', headers: plain }),
      'VALIDATION_FAILED',
    );
  });

  test.each([
    'text/plain',
    'application/json; charset=utf-16',
    'application/x-www-form-urlencoded',
    'nonsense',
    'application/json/json',
    '\u00ff',
  ])('a body of type %s', async (type) => {
    const answer = await h.app.inject({
      method: 'POST',
      url: '/jobs',
      payload: '{}',
      headers: { 'content-type': type },
    });
    expect([400, 415, 422], answer.body).toContain(answer.statusCode);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  test('what is wrong with a request is told in a bounded text, however long it is', async () => {
    const long = 'x'.repeat(15_000);
    const headers = { 'content-type': `${long}/y`, 'content-encoding': long };
    const answer = await h.app.inject({ method: 'POST', url: '/jobs', payload: '{}', headers });
    expectSchema(Problem.schema, expectProblem(answer, 'UNSUPPORTED_MEDIA_TYPE'));
    const config = { ignore: Array.from({ length: 900 }, () => 3), [long.repeat(20)]: 1 };
    const faulty = await h.app.inject({ method: 'POST', url: '/jobs', payload: { model: 'mdl_x', config } });
    expectSchema(Problem.schema, expectProblem(faulty, 'CONFIG_INVALID'));
  });

  test('an Idempotency-Key of any bytes is only a key', async () => {
    const model = await upload();
    for (const key of ['\u00ff', "'; drop table jobs", '\t ']) {
      const answer = await h.app.inject({
        method: 'POST',
        url: '/jobs',
        payload: { model },
        headers: { 'idempotency-key': key },
      });
      expect([202, 400], answer.body).toContain(answer.statusCode);
    }
  });
});

describe('what is not quite HTTP', () => {
  const post = 'POST /jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

  test.each<[string, string]>([
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['two Content-Lengths', `${post}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    ['a Content-Length that is none', `${post}content-length: two\r\n\r\n{}`],
    ['both lengths and chunks', `${post}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a chunk that is none', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n`],
    ['an encoding of the transfer that is none', `${post}transfer-encoding: gzip\r\n\r\n{}`],
    ['a header that goes on without end', `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`],
    ['a method that is none', 'BREW /jobs HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['a version that is none', 'GET / HTTP/9.9\r\nhost: localhost\r\n\r\n'],
    ['a NUL in a header', 'GET / HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n'],
  ])('%s', async (_name, text) => {
    expectRaw(await raw(text), 400, 'BAD_REQUEST');
  });

  test('an expectation that nobody can meet', async () => {
    expectRaw(
      await raw('GET /healthz HTTP/1.1\r\nhost: localhost\r\nexpect: the-unexpected\r\nconnection: close\r\n\r\n'),
      417,
      'EXPECTATION_FAILED',
    );
  });

  test('a body that is shorter than it says ends with the connection, and nothing is left', async () => {
    await raw(`${post}content-length: 100\r\n\r\n{}`);
    const { payload, headers } = multipart([file('x'.repeat(1000))]);
    const bytes = payload as Buffer;
    await raw(
      Buffer.concat([
        Buffer.from(
          `POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${headers?.['content-type']}\r\ncontent-length: ${bytes.length}\r\n\r\n`,
        ),
        bytes.subarray(0, 500),
      ]),
    );
    await expect.poll(() => h.files()).toEqual([]);
    expect(h.logged.filter(({ level }) => Number(level) >= 50)).toEqual([]);
    expect((await h.app.inject('/healthz')).statusCode).toBe(200);
  });
});
