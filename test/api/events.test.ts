import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WorkerEvent } from '../../src/jobs/messages.js';
import { expectProblem, file, type Harness, multipart, openHarness } from './harness.js';

let h: Harness;
beforeEach(async () => {
  h = await openHarness();
  await h.app.listen({ port: 0 });
});
afterEach(() => h.close());

interface Told {
  readonly id?: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

const start = async () => {
  const model = (await h.app.inject({ method: 'POST', url: '/models', ...multipart([file('bytes')]) })).json().id;
  return (await h.app.inject({ method: 'POST', url: '/jobs', payload: { model } })).json().id as string;
};
const report = (job: string, event: WorkerEvent, attempt = 1) => h.report({ job_id: job, attempt, ...event });
const progress = (job: string, fraction: number) =>
  report(job, { type: 'progress', phase: 'pruning', progress: fraction });

/** Opens the stream as a browser's EventSource does. */
async function open(job: string, last?: string): Promise<IncomingMessage> {
  const { port } = h.app.server.address() as AddressInfo;
  const headers = last === undefined ? {} : { 'last-event-id': last };
  const [response] = await once(get({ port, path: `/jobs/${job}/events`, headers }), 'response');
  return response as IncomingMessage;
}

/** Events of a stream as they come, comments left out. */
async function* told(stream: IncomingMessage): AsyncGenerator<Told> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const [id, event, data] = ['id', 'event', 'data'].map(field);
      if (event !== undefined) yield { ...(id !== undefined && { id }), event, data: JSON.parse(data!) };
    }
  }
}

async function take(events: AsyncGenerator<Told>, count: number): Promise<Told[]> {
  const found: Told[] = [];
  while (found.length < count) found.push((await events.next()).value);
  return found;
}

const all = async (stream: IncomingMessage) => {
  const found: Told[] = [];
  for await (const event of told(stream)) found.push(event);
  return found;
};

describe('GET /jobs/{id}/events', () => {
  test('tells statuses, progress, metrics and logs as they come, and ends with the final status', async () => {
    const job = await start();
    const stream = await open(job);
    expect(stream.headers['content-type']).toBe('text/event-stream');
    const events = told(stream);
    expect(await take(events, 1)).toMatchObject([{ event: 'status', data: { status: 'queued' } }]);
    await report(job, { type: 'started' });
    expect(await take(events, 1)).toMatchObject([{ event: 'status', data: { status: 'running', error: null } }]);
    await progress(job, 0.5);
    await report(job, { type: 'metric', name: 'accuracy', value: 0.9, epoch: 2 });
    await report(job, { type: 'log', message: 'pruned\nonce', fields: { step: 1 } });
    await report(job, { type: 'warning', code: 'W', message: 'hm' });
    expect(await take(events, 4)).toMatchObject([
      { event: 'progress', data: { phase: 'pruning', progress: 0.5 } },
      { event: 'metric', data: { name: 'accuracy', value: 0.9, epoch: 2 } },
      { event: 'log', data: { level: 'info', message: 'pruned\nonce', fields: { step: 1 } } },
      { event: 'log', data: { level: 'warning', code: 'W', message: 'hm' } },
    ]);
    await h.finish(job);
    expect(await take(events, 1)).toMatchObject([{ event: 'status', data: { status: 'succeeded', progress: 1 } }]);
    expect((await events.next()).done).toBe(true);
  });

  test('Last-Event-ID goes on where the stream broke; after the final status there is nothing more', async () => {
    const job = await start();
    await progress(job, 0.1);
    const first = told(await open(job));
    const [, , { id }] = await take(first, 3);
    await progress(job, 0.2);
    await h.finish(job);
    const rest = await all(await open(job, id));
    expect(rest.map(({ event, data }) => [event, data.progress])).toEqual([
      ['progress', 0.2],
      ['status', 1],
    ]);
    expect((await open(job, rest.at(-1)!.id)).statusCode).toBe(204);
    // Without an id all that is known comes again.
    expect((await all(await open(job))).map(({ event }) => event)).toEqual([
      'status',
      'status',
      'progress',
      'progress',
      'status',
    ]);
  });

  test('an id of an earlier process gets the status of now, then what came since', async () => {
    const job = await start();
    await progress(job, 0.3);
    await h.finish(job);
    const events = await all(await open(job, 'lzzz-12'));
    expect(events[0]).toMatchObject({ event: 'status', data: { status: 'succeeded' } });
    expect(events[0].id).toBeUndefined();
    expect(events).toHaveLength(5);
  });

  test('late reports of an attempt that is over are not told', async () => {
    const job = await start();
    await report(job, { type: 'started' }, 2);
    await report(job, { type: 'log', message: 'from the grave' }, 1);
    await h.report({
      job_id: job,
      attempt: 2,
      type: 'failed',
      error: { code: 'X', message: 'y', phase: null, retryable: false },
    });
    const events = await all(await open(job));
    expect(events.map(({ event }) => event)).toEqual(['status', 'status', 'status']);
    expect(events.at(-1)!.data).toMatchObject({ status: 'failed', error: { code: 'X' } });
  });

  test('a cancel and a delete end the streams; the service closes with streams open', async () => {
    const [canceled, open1] = [await start(), await start()];
    const stream = all(await open(canceled));
    await h.app.inject({ method: 'POST', url: `/jobs/${canceled}/cancel` });
    expect((await stream).at(-1)).toMatchObject({ event: 'status', data: { status: 'canceled' } });
    await h.app.inject({ method: 'DELETE', url: `/jobs/${canceled}` });
    expect((await open(canceled)).statusCode).toBe(404);
    const left = all(await open(open1));
    await h.stop();
    expect(await left).toHaveLength(1);
  });

  test('a job that there is not', async () => {
    expectProblem(await h.app.inject('/jobs/job_x/events'), 'NOT_FOUND');
  });
});
