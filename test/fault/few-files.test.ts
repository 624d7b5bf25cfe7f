/** More connections than the service may have open files. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startApi, temporaryFolder } from '../e2e/processes.js';

const OPEN_FILES = 1024;

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

test('connections that stand still end neither the service nor the upload that came before them', async () => {
  const api = await startApi({ DATA_DIR: join(folder.path, 'data') }, [], OPEN_FILES);
  const port = Number(new URL(api.url).port);
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  const upload = await open();
  const idle: Socket[] = [];
  for (let i = 0; i < OPEN_FILES + 50; i++) idle.push(await open());
  const body = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.onnx"\r\n\r\nnothing\r\n--b--\r\n';
  const type = 'content-type: multipart/form-data; boundary=b';
  upload.write(`POST /models HTTP/1.1\r\nhost: localhost\r\n${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  const [answer] = await once(upload, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1\.1 422 /);
  await api.line(({ msg }) => String(msg).startsWith('all connections are taken'));
  for (const socket of [upload, ...idle]) socket.destroy();
  await expect.poll(() => fetch(`${api.url}/readyz`).then(({ status }) => status, String)).toBe(200);
  expect(api.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  expect(await api.end()).toBe(0);
});
