/** Requests that break parsers, stand still or ask for too much, as bytes on a connection to the service as it runs. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../e2e/processes.js';
import { type HttpService, startHttpService } from './http-service.js';

const folder = temporaryFolder();
let service: HttpService;
beforeAll(async () => {
  service = await startHttpService({ DATA_DIR: join(folder.path, 'data'), UPLOAD_DEADLINE: '2' });
});
afterAll(async () => {
  await service?.api.end();
  folder.remove();
});

/** What a connection answers to these bytes until it is closed, from either side. */
async function raw(head: string, body = '', { ends = false } = {}): Promise<string> {
  const socket = connect(Number(new URL(service.api.url).port), '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  socket.on('error', () => {});
  socket.write(`${head}\r\n\r\n${body}`);
  if (ends) socket.end();
  await once(socket, 'close');
  return answer;
}

const post = (path: string, type: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: ${length}`;
const json = (body: string, path = '/jobs') => raw(post(path, 'application/json', body.length), body);
const long = 'b'.repeat(5000);

test.each<[string, () => Promise<string>, RegExp]>([
  ['JSON of 5,000 levels', () => json(`{"config":${'['.repeat(5000)}${']'.repeat(5000)}}`), /400 /],
  ['JSON of another encoding', () => json('\xff\xfe{'), /400 /],
  ['JSON of two megabytes', () => json(`"${'x'.repeat(2 ** 21)}"`), /413 /],
  [
    'a boundary of 5,000 characters',
    () => {
      const body = `--${long}\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--${long}--\r\n`;
      return raw(post('/models', `multipart/form-data; boundary=${long}`, body.length), body);
    },
    /4\d\d /,
  ],
  [
    'a form that ends in the middle',
    () =>
      raw(post('/models', 'multipart/form-data; boundary=a', 60), '--a\r\ncontent-disposition: form-data; name="fi', {
        ends: true,
      }),
    /4\d\d /,
  ],
  ['no Host', () => raw('GET /jobs HTTP/1.1\r\nconnection: close'), /400 /],
  ['two Hosts', () => raw('GET /jobs HTTP/1.1\r\nhost: localhost\r\nHost: localhost\r\nconnection: close'), /400 /],
  [
    'two lengths',
    () => raw('POST /jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2', 'xx'),
    /400 /,
  ],
  ['no HTTP', () => raw('\x16\x03\x01\x02\0'), /400 /],
  [
    'headers of a megabyte',
    () => raw(`GET /jobs HTTP/1.1\r\nhost: localhost\r\na: ${'x'.repeat(2 ** 20)}`),
    /4(00|31) /,
  ],
  [
    'an address of a megabyte',
    () => raw(`GET /jobs?cursor=${'x'.repeat(2 ** 20)} HTTP/1.1\r\nhost: localhost`),
    /4(00|14|31) /,
  ],
  [
    'an upload that stands still',
    () => raw(post('/models', 'multipart/form-data; boundary=a', 10_000), '--a\r\n'),
    /408 /,
  ],
  ['JSON that stands still', () => raw(post('/jobs', 'application/json', 100), '{'), /408 /],
])('%s has an answer with a code', async (_, send, status) => {
  const answer = await send();
  const [head, body] = answer.split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 /);
  expect(head.slice('HTTP/1.1 '.length)).toMatch(status);
  expect(head).toContain('application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/), detail: expect.any(String) });
});

test('the service is as it was, and has told of no fault of its own', async () => {
  expect((await service.call('GET', '/readyz')).status).toBe(200);
  expect((await service.call('GET', '/jobs')).body.data).toEqual([]);
  expect(service.api.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});
