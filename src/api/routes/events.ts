/** `GET /jobs/{id}/events`: server-sent events (the HTML standard, section 9.2). */
import { Readable } from 'node:stream';
import Type from 'typebox';
import type { Watched } from '../../jobs/watch-job.js';
import { endOf, type OpenAnswers } from '../open-answers.js';
import { Id, problems } from '../schemas/common.js';
import type { Services } from '../services.js';
import type { TypedApp } from './route.js';

/** Proxies close connections on which nothing moves. */
const QUIET_MS = 15_000;

/** After a connection broke, clients come again in this time. */
const RECONNECT_MS = 2000;

export function eventRoutes(app: TypedApp, { jobs }: Services, open: OpenAnswers): void {
  app.get(
    '/jobs/:id/events',
    {
      schema: {
        tags: ['jobs'],
        operationId: 'watchJob',
        summary: 'Watch a job',
        description:
          'Server-sent events, each with JSON data: `status` (`status`, `phase`, `progress`, `error`), `progress` (`phase`, `progress`), `metric` (`name`, `value`, `step`, `epoch`) and `log` (`level` `info` or `warning`, `message`, `code`, `fields`). The stream ends with the final status; who comes again with the last id then gets 204, which tells an `EventSource` to stop. Without `Last-Event-ID` the events that are still known come first: the last 500 of a job, since the service started.',
        params: Type.Object({ id: Id({ description: 'Id of a job.' }) }),
        headers: Type.Object({
          'last-event-id': Type.Optional(
            Type.String({ maxLength: 100, description: 'Only what came after this event.' }),
          ),
        }),
        response: {
          200: { description: 'The events.', content: { 'text/event-stream': { schema: Type.String() } } },
          204: Type.Null({ description: 'The job is finished and there are no more events.' }),
          ...problems(404, 429),
        },
      },
    },
    async (request, reply) => {
      const end = endOf(request, reply);
      open.addWait(end);
      const last = request.headers['last-event-id'] || undefined;
      const events = await jobs.watch(request.params.id, { last, quietMs: QUIET_MS, signal: end });
      const first = await events.next();
      if (first.done) return reply.code(204).send();
      // A connection that is kept open after the stream would hold up a service that stops.
      reply.headers({ connection: 'close', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
      reply.type('text/event-stream');
      return reply.send(Readable.from(lines(first.value, events)));
    },
  );
}

async function* lines(first: Watched, events: AsyncGenerator<Watched>): AsyncGenerator<string> {
  yield `retry: ${RECONNECT_MS}\n\n${textOf(first)}`;
  for await (const event of events) yield textOf(event);
}

const texts = new WeakMap<object, string>();

/** What many watch is written once. @example textOf({ id: 'm-7', type: 'progress', data: { progress: 0.5 } }) // 'id: m-7\nevent: progress\ndata: {"progress":0.5}\n\n' */
function textOf(event: Watched): string {
  if (event === undefined) return ': nothing new\n\n';
  const known = texts.get(event);
  if (known !== undefined) return known;
  const id = 'id' in event ? `id: ${event.id}\n` : '';
  // JSON has no line breaks of its own.
  const text = `${id}event: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`;
  texts.set(event, text);
  return text;
}
