/** A client that goes before the answer has no id to cancel its job by. */
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { gate } from '../contracts/reports.js';
import { file, type Harness, multipart, openHarness } from './harness.js';

let h: Harness;
beforeEach(async () => {
  h = await openHarness();
  await h.app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(() => h.close());

/** Sends a job whose model is inspected until the client has gone, and waits until the request is over. */
async function leaveMidway(headers = ''): Promise<void> {
  const inspecting = gate<void>();
  const goOn = gate<void>();
  const inspection = h.queue.inspection;
  h.queue.inspection = async (kind, blob) => {
    inspecting.open();
    await goOn.passed;
    return inspection(kind, blob);
  };
  const { payload, headers: type } = multipart([file('m', 'model.zip', 'model')]);
  const body = payload as Buffer;
  const socket = connect((h.app.server.address() as AddressInfo).port, '127.0.0.1');
  const over = gate<void>();
  h.app.server.once('connection', (connection) => connection.once('close', () => over.open()));
  socket.write(
    `POST /jobs HTTP/1.1\r\nhost: localhost\r\n${headers}content-type: ${type?.['content-type']}\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  await inspecting.passed;
  socket.destroy();
  await over.passed;
  goOn.open();
}

test('its request makes no job', async () => {
  await leaveMidway();
  await expect.poll(() => h.logged.some(({ msg }) => msg === 'upload stored')).toBe(true);
  await h.stop();
  expect(h.queue.enqueued).toEqual([]);
});

test('with an idempotency key it does: who comes again finds it', async () => {
  await leaveMidway('idempotency-key: k\r\n');
  await expect.poll(() => h.queue.enqueued.length).toBe(1);
});

test('a client that goes while the job is handed over leaves a job that is canceled', async () => {
  const model = (await h.app.inject({ method: 'POST', url: '/models', ...multipart([file('bytes')]) })).json().id;
  const enqueuing = gate<void>();
  const goOn = gate<void>();
  const enqueue = h.queue.enqueue.bind(h.queue);
  h.queue.enqueue = async (message) => {
    enqueuing.open();
    await goOn.passed;
    await enqueue(message);
  };
  const body = JSON.stringify({ model });
  const over = gate<void>();
  h.app.server.once('connection', (connection) => connection.once('close', () => over.open()));
  const socket = connect((h.app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(
    `POST /jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await enqueuing.passed;
  socket.destroy();
  await over.passed;
  goOn.open();
  await expect.poll(async () => (await h.app.inject('/jobs')).json().data[0]?.status).toBe('canceled');
});
