/** Answers that come before the whole body did reach a client that sends all of it before it reads. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { diskFull } from '../../src/storage/disk-space.js';
import { type Harness, openHarness } from './harness.js';

const MIB = 2 ** 20;
const LENGTH = 70_000_000;

let h: Harness;
let fault: string | undefined;
const sockets: Socket[] = [];

beforeEach(async () => {
  fault = undefined;
  const disk = { findFault: async () => fault, release: async () => false };
  h = await openHarness({ apiKey: 'key-of-ours', disk, limits: { uploadBytes: 80 * MIB } });
  await h.app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await h.close();
});

function open(): Socket {
  const socket = connect((h.app.server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  return socket;
}

const JSON_BODY = 'content-type: application/json';
const FORM = 'content-type: multipart/form-data; boundary=b';
const part = (name: string) => `--b\r\ncontent-disposition: form-data; name="${name}"; filename="a.npz"\r\n\r\n`;

const head = (path: string, headers: string, length = LENGTH) =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer key-of-ours\r\n${headers}\r\ncontent-length: ${length}\r\n\r\n`;

/** Sends everything, and only then reads until the other side has nothing more to say. */
async function sendThenRead(start: string, length = LENGTH): Promise<string> {
  const socket = open();
  socket.write(start);
  const block = Buffer.alloc(MIB, 'x');
  for (let left = length; left > 0; left -= block.length) {
    await new Promise<void>((resolve, reject) => {
      socket.write(block.subarray(0, Math.min(left, block.length)), (error) => (error ? reject(error) : resolve()));
    });
  }
  await sleep(100);
  let answer = '';
  for await (const data of socket) {
    answer += data;
    if (/\r\n\r\n\{.*\}$/s.test(answer)) break;
  }
  return answer;
}

describe('the answer reaches who sends 70 MB before it reads', () => {
  test.each([
    ['a part of another name', head('/datasets', FORM) + part('wrong'), /^HTTP\/1\.1 400 .*"BAD_REQUEST"/s],
    ['a job with a part of another name', head('/jobs', FORM) + part('wrong'), /^HTTP\/1\.1 400 .*"BAD_REQUEST"/s],
    ['too much JSON', `${head('/jobs', JSON_BODY)}{"a":"`, /^HTTP\/1\.1 413 .*"PAYLOAD_TOO_LARGE"/s],
    ['an upload that says it is too long', head('/models', FORM, 90 * MIB), /^HTTP\/1\.1 413 /],
    ['another type', head('/jobs', 'content-type: image/png'), /^HTTP\/1\.1 415 /],
    ['a wrong key', head('/models', FORM).replace('of-ours', 'of-theirs'), /^HTTP\/1\.1 401 /],
    ['an unknown address', head('/nowhere', FORM), /^HTTP\/1\.1 404 /],
    ['an expectation', head('/models', `${FORM}\r\nexpect: miracles`), /^HTTP\/1\.1 417 /],
    ['no HTTP', 'nonsense\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['headers without an end', 'GET / HTTP/1.1\r\nhost: localhost\r\na: ', /^HTTP\/1\.1 400 /],
  ])('%s', async (_, start, expected) => {
    expect(await sendThenRead(start)).toMatch(expected);
  });

  test('a disk that is full before it begins', async () => {
    fault = 'the disk is full';
    expect(await sendThenRead(head('/datasets', FORM) + part('file'))).toMatch(/^HTTP\/1\.1 507 .*"DISK_FULL"/s);
  });

  test('a disk that fills up while it comes', async () => {
    const start = h.blobs.startUpload.bind(h.blobs);
    h.blobs.startUpload = async () => {
      const upload = await start();
      const full = () => new Writable({ write: (_chunk, _encoding, done) => done(diskFull('no room')) });
      return Object.assign(upload, { add: (_name: string, source: Readable) => pipeline(source, full()) });
    };
    expect(await sendThenRead(head('/datasets', FORM) + part('file'))).toMatch(/^HTTP\/1\.1 507 .*"DISK_FULL"/s);
  });
});

/** What comes until the other side closes. */
async function answersTo(bytes: string | Buffer): Promise<string> {
  const socket = open().on('error', () => {});
  socket.write(bytes);
  let answer = '';
  for await (const data of socket) answer += data;
  return answer;
}

test('once the rest of the body has come, the connection takes the next request', async () => {
  const body = Buffer.concat([Buffer.from(part('wrong')), Buffer.alloc(5 * MIB, 'x'), Buffer.from('\r\n--b--\r\n')]);
  const next = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
  const bytes = Buffer.concat([Buffer.from(head('/datasets', FORM, body.length)), body, Buffer.from(next)]);
  expect(await answersTo(bytes)).toMatch(/^HTTP\/1\.1 400 .*HTTP\/1\.1 200 /s);
});

test('after an answer that closes it, it takes none', async () => {
  const body = 'x'.repeat(5 * MIB);
  const next = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n';
  const answer = await answersTo(head('/jobs', JSON_BODY, body.length) + body + next);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
});

test.each([
  ['asks to keep it', `${head('/datasets', FORM)}${part('wrong')}x`, 400],
  ['names no type', `${head('/jobs/x/cancel', 'accept: */*')}x`, 415],
  ['is told to close it', head('/jobs', JSON_BODY), 413],
])('who %s, and sends no more of its body, loses the connection within seconds', async (_, start, status) => {
  const socket = connect({
    port: (h.app.server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  sockets.push(socket.on('error', () => {}));
  socket.write(start);
  const sentMs = performance.now();
  const [answer] = await once(socket, 'data');
  expect(performance.now() - sentMs).toBeLessThan(5000);
  expect(String(answer)).toContain(`HTTP/1.1 ${status} `);
  const connections = () => new Promise((resolve) => h.app.server.getConnections((_error, count) => resolve(count)));
  await expect.poll(connections, { timeout: 15_000 }).toBe(0);
});

test('an injected request has no connection: nothing is left to be closed', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const answer = await h.app.inject({ method: 'POST', url: '/jobs', payload: { model: 'mdl_none' } });
    expect(answer.statusCode).toBe(401);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
