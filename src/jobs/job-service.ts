/** Jobs from request to end: the record on one side, the queue on the other. */
import { createHash } from 'node:crypto';
import { EspalierError } from '../errors.js';
import type { PruneConfig } from '../prune-config/index.js';
import type { JobFolders } from '../storage/job-folders.js';
import { createId } from './ids.js';
import { applyReport, cancelIdle, isFinished, type Job } from './job.js';
import type { JobStore } from './job-store.js';
import type { JobMessage, JobQueue, WorkerReport } from './messages.js';
import type { Upload } from './upload.js';

/** The part of pino's logger that is used here. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

export interface NewJob {
  readonly model: Upload<'model'>;
  readonly dataset?: Upload<'dataset'>;
  readonly config: PruneConfig;
  /** The config as it was sent, for comparing requests. */
  readonly configAsSent: unknown;
  readonly idempotencyKey?: string;
  readonly requestId: string;
}

/** Between tries to reach a queue that is not ready. */
const RETRY_MS = 2000;

export class JobService {
  readonly #store: JobStore;
  readonly #queue: JobQueue;
  readonly #folders: JobFolders;
  readonly #log: Log;
  readonly #waiters = new Map<string, Set<() => void>>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #deliveries = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(parts: { store: JobStore; queue: JobQueue; folders: JobFolders; log: Log }) {
    this.#store = parts.store;
    this.#queue = parts.queue;
    this.#folders = parts.folders;
    this.#log = parts.log;
    this.#queue.on('report', (report) => this.#track(this.#take(report), report.job_id));
  }

  /**
   * Records a job and hands it to the queue. The same idempotency key and request again give the same job. When the queue
   * goes away meanwhile, nobody knows whether it has the job: the job stays recorded, and is queued when it is back.
   * @throws EspalierError UNAVAILABLE when the queue is known to be away (no job is left behind); IDEMPOTENCY_CONFLICT
   */
  async create(request: NewJob): Promise<{ job: Job; created: boolean }> {
    const ready = await this.#queue.ready();
    if (ready !== true) throw new EspalierError('UNAVAILABLE', ready, { retryable: true });
    const job: Job = {
      id: createId('job'),
      status: 'queued',
      phase: null,
      progress: 0,
      model: request.model.id,
      dataset: request.dataset?.id ?? null,
      config: request.config,
      attempt: 0,
      cancelRequested: false,
      createdAt: new Date().toISOString(),
      startedAt: null,
      finishedAt: null,
      warnings: [],
      error: null,
      result: null,
      requestId: request.requestId,
    };
    const idempotency = request.idempotencyKey && {
      key: request.idempotencyKey,
      requestSha256: sha256([job.model, job.dataset, request.configAsSent ?? {}]),
    };
    const added = await this.#store.addJob(job, idempotency || undefined);
    if (!added.created) return added;
    try {
      await this.#queue.enqueue(message(job, request.model, request.dataset));
      this.#log.info({ job_id: job.id, request_id: request.requestId }, 'job queued');
    } catch (err) {
      this.#log.warn({ job_id: job.id, request_id: request.requestId, err }, 'the queue may not have the job');
      this.#deliverLater(job.id);
    }
    return added;
  }

  /**
   * Idempotent. A running job is canceled by its worker, which keeps the best result so far. With the queue away the cancel
   * is recorded, and told when it is back.
   * @throws EspalierError NOT_FOUND
   */
  async cancel(id: string): Promise<Job> {
    const job = await this.#get(id);
    if (isFinished(job)) return job;
    await this.#store.updateJob(id, (j) => (isFinished(j) ? undefined : { job: { ...j, cancelRequested: true } }));
    try {
      const answer = await this.#queue.cancel(id);
      this.#log.info({ job_id: id, answer }, 'job canceled');
      if (answer !== 'signaled') await this.#endIdle(id);
    } catch (err) {
      if (!isUnavailable(err)) throw err;
      this.#log.warn({ job_id: id, err }, 'the queue may not have heard of the cancel');
      this.#deliverLater(id);
    }
    return this.#get(id);
  }

  /** Removes a finished job and what it wrote. @throws EspalierError NOT_FOUND; JOB_NOT_FINISHED */
  async remove(id: string): Promise<void> {
    await this.#store.removeJob(id);
    await this.#folders.remove(id);
  }

  /** The job once its status is another than now, or once the time is up or the signal fires. @throws EspalierError NOT_FOUND */
  async wait(id: string, timeoutMs: number, signal: AbortSignal): Promise<Job> {
    const first = await this.#get(id);
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const left = deadline - Date.now();
      // Listens before it reads: a change between the two is not missed.
      const change = this.#listen(id, Math.max(0, left), signal);
      const job = await this.#get(id);
      const over = left <= 0 || signal.aborted || this.#closing.signal.aborted;
      if (over || isFinished(job) || job.status !== first.status) {
        change.stop();
        return job;
      }
      await change.happened;
    }
  }

  /**
   * Puts every unfinished job into the queue again: at boot, when nobody knows what became of them. Resolves when all are
   * in, however long the queue is away; close() ends it.
   */
  async requeueUnfinished(): Promise<number> {
    const jobs = await this.#store.unfinishedJobs();
    for (const { id } of jobs) await this.#deliver(id);
    return jobs.length;
  }

  /** Answers every wait now: the service stops. */
  endWaits(): void {
    this.#closing.abort();
    for (const waiters of this.#waiters.values()) for (const wake of [...waiters]) wake();
  }

  /** Resolves when every report that came has been recorded. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  async close(): Promise<void> {
    this.endWaits();
    await this.settled();
    await Promise.all(this.#deliveries);
  }

  #deliverLater(id: string): void {
    const settled = this.#pause(RETRY_MS)
      .then(() => this.#deliver(id))
      .catch((err: unknown) => this.#log.error({ job_id: id, err }, 'the queue could not be told of a job'))
      .finally(() => this.#deliveries.delete(settled));
    this.#deliveries.add(settled);
  }

  /** Tells the queue what the record says of an unfinished job, however long the queue is away; close() ends it. */
  async #deliver(id: string): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const job = await this.#store.findJob(id);
      if (!job || isFinished(job)) return;
      try {
        return await this.#requeue(job);
      } catch (err) {
        if (!isUnavailable(err)) throw err;
        this.#log.warn({ job_id: id, err }, 'the queue is away; trying again');
        await this.#pause(RETRY_MS);
      }
    }
  }

  async #requeue(job: Job): Promise<void> {
    const model = await this.#store.findUpload('model', job.model);
    const dataset = job.dataset === null ? undefined : await this.#store.findUpload('dataset', job.dataset);
    if (!model) throw new Error(`${job.id} needs ${job.model}, which is not in the record`);
    if (job.cancelRequested) {
      // Who canceled it was told so: it must not run again.
      if ((await this.#queue.cancel(job.id)) !== 'signaled') await this.#endIdle(job.id);
      return;
    }
    await this.#queue.enqueue(message(job, model, dataset));
    this.#log.info({ job_id: job.id, attempt: job.attempt + 1 }, 'job queued again');
  }

  async #endIdle(id: string): Promise<void> {
    const ended = await this.#store.updateJob(id, (job) => cancelIdle(job, new Date().toISOString()));
    if (!ended) return;
    this.#wake(id);
    await this.#folders.remove(id);
  }

  /**
   * What a report makes of the record. An ending comes once, so it is tried again, until the record can take it (the disk
   * was full) or the service stops: at the next start the queue tells it anew.
   */
  async #record(report: WorkerReport): Promise<{ before: Job | undefined; job: Job | undefined }> {
    for (;;) {
      try {
        let before: Job | undefined;
        const job = await this.#store.updateJob(report.job_id, (current) => {
          before = current;
          return applyReport(current, report, new Date().toISOString());
        });
        return { before, job };
      } catch (err) {
        if (!isEnding(report) || this.#closing.signal.aborted) throw err;
        this.#log.error({ job_id: report.job_id, err }, 'the end of a job could not be recorded; trying again');
        await this.#pause(RETRY_MS);
      }
    }
  }

  async #take(report: WorkerReport): Promise<void> {
    const jobId = report.job_id;
    const fields = { job_id: jobId, attempt: report.attempt };
    if (report.type === 'log') this.#log.info({ ...report.fields, ...fields }, report.message);
    const { before, job } = await this.#record(report);
    if (!job) {
      this.#log.debug({ ...fields, type: report.type, known: before !== undefined }, 'report changes nothing');
      if (!before || isFinished(before)) await this.#stopStray(report, before);
      return;
    }
    if (job.status !== before?.status) {
      this.#log.info({ ...fields, status: job.status, ...(job.error && { error: job.error }) }, `job ${job.status}`);
      this.#wake(jobId);
    }
    if (isFinished(job)) await this.#tidy(jobId, job);
  }

  /** Someone runs a job that is over by the record, or is not on it: the queue took it in when nobody waited any more. */
  async #stopStray(report: WorkerReport, job: Job | undefined): Promise<void> {
    if (isEnding(report)) return this.#tidy(report.job_id, job);
    await this.#queue.cancel(report.job_id);
  }

  /** Of a job that has ended only what the record lists stays. */
  async #tidy(id: string, job: Job | undefined): Promise<void> {
    if (job) await this.#folders.removeAllBut(id, job.attempt);
    else await this.#folders.remove(id);
    await this.#queue.forget(id);
  }

  async #get(id: string): Promise<Job> {
    const job = await this.#store.findJob(id);
    if (!job) throw new EspalierError('NOT_FOUND', `there is no job ${id}`);
    return job;
  }

  #track(work: Promise<void>, jobId: string): void {
    const settled = work
      .catch((err: unknown) => this.#log.error({ job_id: jobId, err }, 'a report could not be recorded'))
      .finally(() => this.#inFlight.delete(settled));
    this.#inFlight.add(settled);
  }

  #wake(id: string): void {
    for (const wake of [...(this.#waiters.get(id) ?? [])]) wake();
  }

  #listen(id: string, timeoutMs: number, signal: AbortSignal): { happened: Promise<void>; stop: () => void } {
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters);
    let stop = () => {};
    const happened = new Promise<void>((resolve) => {
      stop = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        waiters.delete(stop);
        if (waiters.size === 0 && this.#waiters.get(id) === waiters) this.#waiters.delete(id);
        resolve();
      };
      const timer = setTimeout(stop, timeoutMs);
      signal.addEventListener('abort', stop);
      waiters.add(stop);
    });
    return { happened, stop };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#closing.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#closing.signal.addEventListener('abort', done);
    });
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof EspalierError && error.code === 'UNAVAILABLE';
}

function isEnding(report: WorkerReport): boolean {
  return report.type === 'finished' || report.type === 'failed';
}

function message(job: Job, model: Upload<'model'>, dataset: Upload<'dataset'> | undefined): JobMessage {
  return {
    job_id: job.id,
    attempt: job.attempt + 1,
    model: model.blob,
    ...(dataset && { dataset: dataset.blob }),
    config: job.config,
    ...(job.requestId !== null && { request_id: job.requestId }),
  };
}

/** Equal for equal JSON, whatever the order of keys. */
function sha256(value: unknown): string {
  const sorted = JSON.stringify(value, (_key, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
  return createHash('sha256').update(sorted).digest('hex');
}
