/** A server that closes waits for requests that run, and for no connection after them. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Harness, openHarness } from './harness.js';

let h: Harness;
let socket: Socket;

beforeEach(async () => {
  h = await openHarness({ limits: { uploadBytes: 1000 } });
  await h.app.listen({ port: 0, host: '127.0.0.1' });
  socket = connect((h.app.server.address() as AddressInfo).port, '127.0.0.1');
});
afterEach(async () => {
  socket.destroy();
  await h.close();
});

// Where connections stay, closing takes 72 s: longer than a test may.
test('a connection whose body ends after the answer, while the server closes, is closed with it', async () => {
  const body = 'x'.repeat(3000);
  socket.write(
    `POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  const half = `--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${body}`.slice(0, 2000);
  socket.write(half);
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1\.1 413 (.|\r\n)*connection: keep-alive/i);
  const closed = h.app.close();
  await new Promise<void>((resolve) => socket.write(body.slice(half.length), () => resolve()));
  await closed;
});

test('a connection whose answer comes while the server closes is closed with it', async () => {
  let answer = () => {};
  h.queue.inspection = () => new Promise((_resolve, reject) => (answer = () => reject(new Error('no reader'))));
  const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nm\r\n--b--\r\n';
  socket.write(
    `POST /models HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${part.length}\r\n\r\n${part}`,
  );
  await expect.poll(() => h.queue.inspected).toHaveLength(1);
  const closed = h.app.close();
  answer();
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 500 /);
  await closed;
});
