import type { Inspections } from '../jobs/messages.js';
import type { BlobRef } from '../storage/blob-store.js';
import { unavailable, whileAvailable } from './availability.js';
import { fromCodedError } from './coded-error.js';
import { openEventStream } from './event-stream.js';
import { INSPECTIONS_QUEUE, type InspectionAnswer, type InspectionPayload } from './payloads.js';
import type { Transport, TransportQueue } from './transport.js';
import { ALIVE_EVENT, WorkerPresence } from './worker-presence.js';

/** How long an upload waits for its verdict: the child's own limit of 30 s, and a queue before it. */
const VERDICT_MS = 90_000;

/** Answers are read at once; this is for an API that lost its connection for a moment. */
const KEEP_ANSWERS_S = 600;

export interface InspectionQueue {
  inspect<K extends keyof Inspections>(kind: K, upload: BlobRef): Promise<Inspections[K]>;
  close(): Promise<void>;
}

/** Who waits for the answer to one question. */
interface Waiting {
  readonly answer: (answer: InspectionAnswer) => void;
  readonly fail: (reason: string) => void;
  /** Puts the question again, where the datastore has lost it. */
  readonly ask: () => Promise<unknown>;
}

/** The API's end of the inspections queue: a question goes in, and the caller waits for its answer. */
export function openInspections(transport: Transport, onError: (error: Error) => void): InspectionQueue {
  const queue = transport.queue<InspectionPayload, InspectionAnswer>(INSPECTIONS_QUEUE);
  const presence = new WorkerPresence(() => transport.ready() === true);
  const waiting = new Map<string, Waiting>();
  let count = 0;
  const session = Date.now().toString(36);

  /** What an event may not have told: the datastore was away. */
  const lookAgain = async (id: string, { answer, fail, ask }: Waiting): Promise<void> => {
    const job = await queue.getJob(id);
    const state = await job?.getState();
    if (job === undefined || state === 'unknown') await ask();
    else if (state === 'completed') answer(job.returnvalue);
    else if (state === 'failed') fail(job.failedReason);
  };

  const stream = openEventStream({
    transport,
    name: INSPECTIONS_QUEUE,
    queue: queue as unknown as TransportQueue<unknown, unknown>,
    listen: (events) => {
      events.on('completed', ({ jobId, returnvalue }) =>
        waiting.get(jobId)?.answer(returnvalue as unknown as InspectionAnswer),
      );
      events.on('failed', ({ jobId, failedReason }) => waiting.get(jobId)?.fail(failedReason));
      events.on(ALIVE_EVENT as 'waiting', () => presence.heard());
    },
    onReopened: () => {
      for (const [id, one] of waiting) lookAgain(id, one).catch(onError);
    },
    onError,
  });

  return {
    async inspect<K extends keyof Inspections>(kind: K, upload: BlobRef): Promise<Inspections[K]> {
      const id = `${session}-${++count}`;
      const keep = { age: KEEP_ANSWERS_S };
      const options = { jobId: id, removeOnComplete: keep, removeOnFail: keep };
      const ask = () => queue.add('inspect', { kind, upload }, options);
      const what = `the ${kind} could not be inspected`;
      const failed = (reason: string) => unavailable(`${what}: ${reason}`);
      let timer: NodeJS.Timeout | undefined;
      const answered = new Promise<InspectionAnswer>((resolve, reject) => {
        waiting.set(id, { answer: resolve, fail: (reason) => reject(failed(reason)), ask });
        timer = setTimeout(() => reject(failed(`no answer came in ${VERDICT_MS / 1000} s`)), VERDICT_MS);
      });
      // Heard below, unless the question can't even be asked.
      answered.catch(() => {});
      let workers: ReturnType<WorkerPresence['watch']> | undefined;
      try {
        await whileAvailable(transport, what, async (abandoned) => {
          await stream.open;
          abandoned.throwIfAborted();
          await ask();
        });
        workers = presence.watch(what);
        const answer = await Promise.race([answered, workers.absent]);
        if ('error' in answer) throw fromCodedError(answer.error);
        return answer.ok as Inspections[K];
      } finally {
        // Whether it was answered or not, nobody waits any more: no worker should look for it. With Redis away it goes by its age.
        queue.remove(id).catch(() => {});
        workers?.stop();
        clearTimeout(timer);
        waiting.delete(id);
      }
    },
    async close() {
      await Promise.all([stream.close(), queue.close()]);
    },
  };
}
