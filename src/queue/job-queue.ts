import type { Inspections, JobMessage, JobQueue, WorkerReport } from '../jobs/messages.js';
import type { BlobRef } from '../storage/blob-store.js';
import { whileAvailable } from './availability.js';
import { closeWithin } from './closing.js';
import { openInspector } from './inspections.js';
import { type JobEnding, MAX_ATTEMPTS, openJobs } from './payloads.js';
import type { Outcome, Transport } from './work-queue.js';

/**
 * How often to see whether jobs are still where they were put: a failover may lose the newest. Longer than it takes workers
 * to notice (they stop the children of jobs that are gone).
 */
const LOOK_MS = 15_000;

/** Jobs that are looked at each time. */
const LOOK_AT = 20;

/** With Redis away, closing takes this long. */
const CLOSE_MS = 2000;

export interface JobQueueOptions {
  readonly transport: Transport;
  /** Faults that no caller waits for: a connection that broke, a listener that threw. */
  readonly onError: (error: Error) => void;
}

/** The API's end of the queue. Tasks have the ids of jobs, so that a job is queued once however often it is asked for. */
export function openJobQueue({ transport, onError }: JobQueueOptions): JobQueue {
  const queue = openJobs(transport);
  const inspector = openInspector(transport, onError);
  const listeners = new Set<(report: WorkerReport) => void>();
  /** What was queued and has not ended: put back when Redis returns without it. */
  const unfinished = new Map<string, JobMessage>();

  const emit = (report: WorkerReport): void => {
    for (const listener of listeners) {
      try {
        listener(report);
      } catch (error) {
        onError(new Error(`a report of ${report.job_id} could not be taken in`, { cause: error }));
      }
    }
  };

  const emitEnding = (jobId: string, { attempt, event }: JobEnding): void => {
    unfinished.delete(jobId);
    emit({ job_id: jobId, attempt, ...event });
  };

  const emitOutcome = async (jobId: string, outcome: Outcome<JobEnding>): Promise<void> => {
    if ('ending' in outcome) return emitEnding(jobId, outcome.ending);
    // The queue failed it: its runs broke, too often.
    const found = await queue.find(jobId);
    if (found === undefined) return;
    const attempt = found.lastReport?.attempt ?? found.payload.message.attempt;
    const message = `its worker process died ${MAX_ATTEMPTS} times (${outcome.failure})`;
    const error = { code: 'WORKER_CRASHED', message, phase: null, retryable: true };
    emitEnding(jobId, { attempt, event: { type: 'failed', error } });
  };

  const subscription = queue.listen({
    report: (jobId, { attempt, events }) => {
      for (const event of events) emit({ job_id: jobId, attempt, ...event });
    },
    outcome: (jobId, outcome) => void emitOutcome(jobId, outcome).catch(onError),
    missed: () => putBack(),
  });

  const enqueue = (message: JobMessage): Promise<void> =>
    whileAvailable(transport, `${message.job_id} could not be queued`, async (abandoned) => {
      await subscription.open;
      const known = await queue.find(message.job_id);
      if (known?.outcome !== undefined) return emitOutcome(message.job_id, known.outcome);
      abandoned.throwIfAborted();
      await queue.enqueue(message.job_id, { message });
      abandoned.throwIfAborted();
      unfinished.set(message.job_id, message);
    });

  const putBack = (): void => {
    for (const message of unfinished.values()) enqueue(message).catch(onError);
  };
  // An ending stays until `forget`, so jobs that are gone say that the datastore lost some. While it is away, a return is to come.
  let looked = 0;
  const look = setInterval(() => {
    if (transport.away() !== undefined) return;
    const ids = [...unfinished.keys()];
    // The newest are what a failover loses; of the others some in turn.
    const turn = ids.slice(looked, looked + LOOK_AT).concat(ids.slice(-LOOK_AT));
    looked = looked + LOOK_AT < ids.length ? looked + LOOK_AT : 0;
    for (const id of new Set(turn)) {
      queue.has(id).then(
        (isThere) => !isThere && unfinished.has(id) && putBack(),
        () => {},
      );
    }
  }, LOOK_MS);
  look.unref();

  return {
    enqueue,
    cancel: (jobId) =>
      whileAvailable(transport, `${jobId} could not be canceled`, async (abandoned) => {
        const answer = await queue.cancel(jobId, abandoned);
        if (answer !== 'signaled') unfinished.delete(jobId);
        return answer;
      }),
    forget: (jobId) =>
      whileAvailable(transport, `${jobId} could not be forgotten`, async () => {
        unfinished.delete(jobId);
        await queue.forget(jobId);
      }),
    inspect: <K extends keyof Inspections>(kind: K, upload: BlobRef) => inspector.inspect(kind, upload),
    on: (_event, listener) => void listeners.add(listener),
    ready: async () => transport.ready(),
    close: async () => {
      clearInterval(look);
      await closeWithin(CLOSE_MS, [subscription.close(), inspector.close(), queue.close()]);
      await transport.close();
    },
  };
}
