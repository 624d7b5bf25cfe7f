import type { CancelAnswer, Inspections, JobMessage, JobQueue, WorkerReport } from '../jobs/messages.js';
import type { BlobRef } from '../storage/blob-store.js';
import { whileAvailable } from './availability.js';
import { closeWithin } from './closing.js';
import { openEventStream } from './event-stream.js';
import { openInspections } from './inspections.js';
import { CANCEL_EVENT, JOBS_QUEUE, type JobEnding, type JobPayload, type ProgressBatch } from './payloads.js';
import type { Transport, TransportQueue } from './transport.js';

/** A job whose worker dies is run this many times in all. */
export const MAX_ATTEMPTS = 3;

/**
 * How often to see whether jobs are still where they were put: a failover may lose the newest. Longer than it takes workers
 * to notice (they stop the children of jobs that are gone).
 */
const LOOK_MS = 15_000;

/** Jobs that are looked at each time. */
const LOOK_AT = 20;

/** With Redis away, closing takes this long. */
const CLOSE_MS = 2000;

/** An ending that nobody fetched (no API was up) is kept this long, in seconds. */
const KEEP_ENDINGS_S = 7 * 24 * 3600;

export interface JobQueueOptions {
  readonly transport: Transport;
  /** Faults that no caller waits for: a connection that broke, a listener that threw. */
  readonly onError: (error: Error) => void;
}

/**
 * The API's end of the queue. BullMQ ids are job ids, so that a job is queued once however often it is asked for.
 * Reports come over BullMQ's event stream; an ending is also the BullMQ job's result, and stays until `forget`.
 */
export function openJobQueue({ transport, onError }: JobQueueOptions): JobQueue {
  const queue = transport.queue<JobPayload, JobEnding>(JOBS_QUEUE);
  const inspections = openInspections(transport, onError);
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

  /** A job that BullMQ itself failed: its workers died without a word, too often. */
  const emitCrash = async (jobId: string, reason: string): Promise<void> => {
    const job = await queue.getJob(jobId);
    const attempt = (job?.progress as ProgressBatch | undefined)?.attempt ?? job?.data.message.attempt;
    if (attempt === undefined) return;
    const message = `its worker process died ${MAX_ATTEMPTS} times (${reason})`;
    const error = { code: 'WORKER_CRASHED', message, phase: null, retryable: true };
    emitEnding(jobId, { attempt, event: { type: 'failed', error } });
  };

  const stream = openEventStream({
    transport,
    name: JOBS_QUEUE,
    queue: queue as unknown as TransportQueue<unknown, unknown>,
    listen: (events) => {
      events.on('progress', ({ jobId, data }) => {
        const batch = data as unknown as ProgressBatch;
        for (const event of batch.events) emit({ job_id: jobId, attempt: batch.attempt, ...event });
      });
      events.on('completed', ({ jobId, returnvalue }) => emitEnding(jobId, returnvalue as unknown as JobEnding));
      events.on('failed', ({ jobId, failedReason }) => void emitCrash(jobId, failedReason).catch(onError));
    },
    onReopened: () => putBack(),
    onError,
  });

  const enqueue = (message: JobMessage): Promise<void> =>
    whileAvailable(transport, `${message.job_id} could not be queued`, async (abandoned) => {
      await stream.open;
      const known = await queue.getJob(message.job_id);
      const state = await known?.getState();
      if (known !== undefined && state === 'completed') return emitEnding(message.job_id, known.returnvalue);
      if (known !== undefined && state === 'failed') return emitCrash(message.job_id, known.failedReason);
      const keep = { age: KEEP_ENDINGS_S };
      const options = { jobId: message.job_id, attempts: MAX_ATTEMPTS, removeOnComplete: keep, removeOnFail: keep };
      abandoned.throwIfAborted();
      // Nothing happens when the job is there already.
      await queue.add('job', { message, canceled: false }, options);
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
      queue.getJobState(id).then(
        (state) => state === 'unknown' && unfinished.has(id) && putBack(),
        () => {},
      );
    }
  }, LOOK_MS);
  look.unref();

  const cancel = (jobId: string): Promise<CancelAnswer> =>
    whileAvailable(transport, `${jobId} could not be canceled`, async (abandoned) => {
      const job = await queue.getJob(jobId);
      const state = await job?.getState();
      if (job === undefined || state === 'completed' || state === 'failed') {
        unfinished.delete(jobId);
        return 'unknown';
      }
      abandoned.throwIfAborted();
      await job.updateData({ ...job.data, canceled: true });
      if ((await queue.remove(jobId)) === 1) {
        unfinished.delete(jobId);
        return 'removed';
      }
      await queue.getBackend().publishEvent({ event: CANCEL_EVENT, jobId }, 10_000);
      return 'signaled';
    });

  return {
    enqueue,
    cancel,
    forget: (jobId) =>
      whileAvailable(transport, `${jobId} could not be forgotten`, async () => {
        unfinished.delete(jobId);
        await queue.remove(jobId);
      }),
    inspect: <K extends keyof Inspections>(kind: K, upload: BlobRef) => inspections.inspect(kind, upload),
    on: (_event, listener) => void listeners.add(listener),
    ready: async () => transport.ready(),
    close: async () => {
      clearInterval(look);
      await closeWithin(CLOSE_MS, [stream.close(), inspections.close(), queue.close()]);
      await transport.close();
    },
  };
}
