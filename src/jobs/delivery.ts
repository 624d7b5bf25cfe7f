/** Brings to the queue what the record says of unfinished jobs, however long the queue is away. */
import { EspalierError } from '../errors.js';
import { cancelIdle, failForMissing, isFinished, type Job, type JobChange, type JobSummary } from './job.js';
import { messageOf } from './job-message.js';
import type { JobStore } from './job-store.js';
import type { Log } from './log.js';
import type { JobQueue } from './messages.js';

/** Between tries to reach a queue, or a record, that is not ready. */
export const RETRY_MS = 2000;

export interface DeliveryParts {
  readonly store: JobStore;
  readonly queue: JobQueue;
  readonly log: Log;
  /** Ends it. */
  readonly closing: AbortSignal;
  /** Records the end of a job that nobody runs. */
  readonly endIdle: (jobId: string, end: (job: JobSummary, now: string) => JobChange | undefined) => Promise<void>;
}

export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #later = new Set<Promise<void>>();

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** Tells the queue what the record says of a job. Resolves when it knows, or at the close. */
  async deliver(id: string): Promise<void> {
    const { store, log, closing } = this.#parts;
    while (!closing.aborted) {
      const job = await store.findJob(id);
      if (!job || isFinished(job)) return;
      try {
        return await this.#tell(job);
      } catch (err) {
        if (!isUnavailable(err)) throw err;
        log.warn({ job_id: id, err }, 'the queue is away; trying again');
        await pause(RETRY_MS, closing);
      }
    }
  }

  deliverLater(id: string): void {
    const { log, closing } = this.#parts;
    const settled = pause(RETRY_MS, closing)
      .then(() => this.deliver(id))
      .catch((err: unknown) => log.error({ job_id: id, err }, 'the queue could not be told of a job'))
      .finally(() => this.#later.delete(settled));
    this.#later.add(settled);
  }

  /** Resolves when nothing is on its way any more, after the close. */
  async settled(): Promise<void> {
    await Promise.all(this.#later);
  }

  async #tell(job: Job): Promise<void> {
    const { store, queue, log, endIdle } = this.#parts;
    const model = await store.findUpload('model', job.model);
    const dataset = job.dataset === null ? undefined : await store.findUpload('dataset', job.dataset);
    if (job.cancelRequested) {
      // Who canceled it was told so: it must not run again.
      if ((await queue.cancel(job.id)) !== 'signaled') await endIdle(job.id, cancelIdle);
      return;
    }
    const missing =
      model === undefined ? job.model : job.dataset !== null && dataset === undefined ? job.dataset : null;
    if (model === undefined || missing !== null) {
      // Of a record that was restored: while a job is unfinished, nobody can delete what it needs.
      await endIdle(job.id, (current, now) => failForMissing(current, missing ?? job.model, now));
      log.error({ job_id: job.id, missing }, 'a job has failed: an upload that it needs is not in the record');
      await queue.cancel(job.id);
      return;
    }
    await queue.enqueue(messageOf(job, model, dataset));
    log.info({ job_id: job.id, attempt: job.attempt + 1 }, 'job queued again');
  }
}

export function isUnavailable(error: unknown): boolean {
  return error instanceof EspalierError && error.code === 'UNAVAILABLE';
}

/** Resolves when the time is up or the signal fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
