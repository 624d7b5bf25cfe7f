import { EspalierError } from '../errors.js';
import type { Inspections } from '../jobs/messages.js';
import type { BlobRef } from '../storage/blob-store.js';
import { unavailable, whileAvailable } from './availability.js';
import { fromCodedError } from './coded-error.js';
import { INSPECTIONS_QUEUE, type InspectionAnswer, type InspectionPayload } from './payloads.js';
import type { Transport, TransportEvents } from './transport.js';
import { ALIVE_EVENT, WorkerPresence } from './worker-presence.js';

/** How long an upload waits for its verdict: the child's own limit of 30 s, and a queue before it. */
const VERDICT_MS = 90_000;

/** Answers are read at once; this is for an API that lost its connection for a moment. */
const KEEP_ANSWERS_S = 600;

export interface InspectionQueue {
  inspect<K extends keyof Inspections>(kind: K, upload: BlobRef): Promise<Inspections[K]>;
  close(): Promise<void>;
}

/** The API's end of the inspections queue: a question goes in, and the caller waits for its answer. */
export function openInspections(transport: Transport): InspectionQueue {
  const queue = transport.queue<InspectionPayload, InspectionAnswer>(INSPECTIONS_QUEUE);
  // One listener for each upload that waits.
  queue.setMaxListeners(0);
  let listening: Promise<TransportEvents> | undefined;
  const presence = new WorkerPresence();

  const listen = async (): Promise<TransportEvents> => {
    await queue.waitUntilReady();
    const from = await queue.getBackend().publishEvent({ event: 'opened' }, 10_000);
    const events = transport.events(INSPECTIONS_QUEUE, from);
    events.setMaxListeners(0);
    events.on(ALIVE_EVENT as 'waiting', () => presence.heard());
    return events;
  };

  return {
    async inspect<K extends keyof Inspections>(kind: K, upload: BlobRef): Promise<Inspections[K]> {
      const keep = { age: KEEP_ANSWERS_S };
      const { job, events } = await whileAvailable(
        transport,
        `the ${kind} could not be inspected`,
        async (abandoned) => {
          listening ??= listen();
          const events = await listening;
          abandoned.throwIfAborted();
          const options = { removeOnComplete: keep, removeOnFail: keep };
          return { job: await queue.add('inspect', { kind, upload }, options), events };
        },
      );
      const what = `the ${kind} could not be inspected`;
      const workers = presence.watch(what);
      const verdict = job.waitUntilFinished(events as never, VERDICT_MS);
      const answer = await Promise.race([verdict, workers.absent])
        .catch(async (error: Error) => {
          verdict.catch(() => {});
          // Nobody waits for the answer any more, so no worker should look for it.
          await whileAvailable(transport, 'an inspection could not be withdrawn', () => queue.remove(job.id ?? ''));
          if (error instanceof EspalierError) throw error;
          throw unavailable(`${what}: no worker has read it in ${VERDICT_MS / 1000} s`, error);
        })
        .finally(() => workers.stop());
      if ('error' in answer) throw fromCodedError(answer.error);
      return answer.ok as Inspections[K];
    },
    async close() {
      const events = await listening?.catch(() => undefined);
      await Promise.all([events?.close(), queue.close()]);
    },
  };
}
