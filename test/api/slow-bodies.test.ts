/** Bodies that come too slowly, or never end, are cut off: 408, and nothing is left of them. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { file, type Harness, type HarnessOptions, multipart, openHarness } from './harness.js';

let h: Harness;
afterEach(() => h.close());

const open = async (body: NonNullable<HarnessOptions['limits']>['body']) => {
  h = await openHarness({ limits: { body } });
  await h.app.listen({ port: 0, host: '127.0.0.1' });
};

/** A connection whose answer is all that came until it closed. */
function start(head: string): { socket: Socket; answer: Promise<string> } {
  const socket = connect((h.app.server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.on('error', () => {});
  socket.write(head);
  return { socket, answer: once(socket, 'close').then(() => text) };
}

const expectTimeout = (answer: string) => {
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(answer).toContain('"code":"REQUEST_TIMEOUT"');
};

const upload = () => {
  const { payload, headers } = multipart([file('x'.repeat(1000))]);
  const type = headers?.['content-type'];
  return {
    bytes: payload as Buffer,
    head: `POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${type}\r\ncontent-length: 100000\r\n\r\n`,
  };
};

test('an upload that stands still is cut off', async () => {
  await open({ deadlineMs: 60_000, floorBytes: 1000, windowMs: 200 });
  const { head, bytes } = upload();
  const { socket, answer } = start(head);
  socket.write(bytes.subarray(0, 500));
  expectTimeout(await answer);
  await expect.poll(() => h.files()).toEqual([]);
});

test('so is one that trickles', async () => {
  await open({ deadlineMs: 60_000, floorBytes: 1000, windowMs: 300 });
  const { socket, answer } = start(upload().head);
  const drip = setInterval(() => socket.write('x'), 20);
  expectTimeout(await answer);
  clearInterval(drip);
});

test('so is one that comes steadily for longer than a body may take', async () => {
  await open({ deadlineMs: 500, floorBytes: 1, windowMs: 60_000 });
  const { head, bytes } = upload();
  const { socket, answer } = start(head);
  socket.write(bytes.subarray(0, 500));
  const drip = setInterval(() => socket.write('x'.repeat(10)), 20);
  expectTimeout(await answer);
  clearInterval(drip);
  await expect.poll(() => h.files()).toEqual([]);
});

test('so is JSON', async () => {
  await open({ deadlineMs: 60_000, floorBytes: 1000, windowMs: 200 });
  const head =
    'POST /jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{';
  expectTimeout(await start(head).answer);
});

test('a body that came whole may wait for its answer as long as it takes', async () => {
  await open({ deadlineMs: 300, floorBytes: 1000, windowMs: 100 });
  const inspection = h.queue.inspection;
  h.queue.inspection = async (kind, blob) => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    return inspection(kind, blob);
  };
  const { bytes, head } = upload();
  const { socket, answer } = start(
    head.replace('100000', `${bytes.length}`).replace('localhost', 'localhost\r\nconnection: close'),
  );
  socket.write(bytes);
  expect(await answer).toMatch(/^HTTP\/1\.1 201 /);
});
