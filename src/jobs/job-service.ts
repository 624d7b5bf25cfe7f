/** Jobs from request to end: the record on one side, the queue on the other. */
import { EspalierError, isDiskFull } from '../errors.js';
import type { PruneConfig } from '../prune-config/index.js';
import { type DiskSpace, diskFull } from '../storage/disk-space.js';
import type { JobFolders } from '../storage/job-folders.js';
import { Delivery, isUnavailable, pause, RETRY_MS } from './delivery.js';
import { createId } from './ids.js';
import {
  applyReport,
  cancelIdle,
  isFinished,
  type Job,
  type JobChange,
  type JobState,
  type JobSummary,
  missingInput,
  retryFinished,
  type WrittenJob,
} from './job.js';
import { JobEvents } from './job-events.js';
import { messageOf, requestSha256 } from './job-message.js';
import type { JobStore } from './job-store.js';
import type { Log } from './log.js';
import type { JobQueue, WorkerReport } from './messages.js';
import { isDamage } from './rows.js';
import type { Upload } from './upload.js';
import { Waiters } from './waiters.js';
import { eventOf, statusOf, type Watched, watchJob } from './watch-job.js';

export interface NewJob {
  readonly model: Upload<'model'>;
  readonly dataset?: Upload<'dataset'>;
  readonly config: PruneConfig;
  /** The config as it was sent, for comparing requests. */
  readonly configAsSent: unknown;
  readonly idempotencyKey?: string;
  readonly requestId: string;
}

export class JobService {
  readonly #store: JobStore;
  readonly #queue: JobQueue;
  readonly #folders: JobFolders;
  readonly #disk: DiskSpace | undefined;
  readonly #log: Log;
  readonly #waiters = new Waiters();
  readonly #events = new JobEvents();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #delivery: Delivery;
  readonly #closing = new AbortController();
  readonly #mostQueued: number | undefined;

  constructor(parts: {
    store: JobStore;
    queue: JobQueue;
    folders: JobFolders;
    disk?: DiskSpace;
    log: Log;
    /** Absent: any number. */
    mostQueued?: number;
  }) {
    this.#mostQueued = parts.mostQueued;
    this.#store = parts.store;
    this.#queue = parts.queue;
    this.#folders = parts.folders;
    this.#disk = parts.disk;
    this.#log = parts.log;
    this.#delivery = new Delivery({
      ...parts,
      closing: this.#closing.signal,
      endIdle: (id, end) => this.#endIdle(id, end),
    });
    this.#queue.on('report', (report) => this.#track(this.#take(report), report.job_id));
  }

  /**
   * Records a job and hands it to the queue. The same idempotency key and request again give the same job. When the queue
   * goes away meanwhile, nobody knows whether it has the job: the job stays recorded, and is queued when it is back.
   * @throws EspalierError UNAVAILABLE when the queue is known to be away (no job is left behind); IDEMPOTENCY_CONFLICT;
   *   QUEUE_FULL
   */
  async create(request: NewJob): Promise<{ job: Job; created: boolean }> {
    const { idempotencyKey: key, model, dataset, configAsSent } = request;
    const ids = { model: model.id, dataset: dataset?.id ?? null };
    const idempotency = key === undefined ? undefined : { key, requestSha256: requestSha256(ids, configAsSent) };
    // What the record knows needs no queue and no room.
    const before = idempotency && (await this.#store.findRepeated(idempotency));
    if (before) return { job: before, created: false };
    const ready = await this.#queue.ready();
    if (ready !== true) throw new EspalierError('UNAVAILABLE', ready, { retryable: true });
    const fault = await this.#disk?.findFault();
    if (fault !== undefined) throw diskFull(fault);
    const job: Job = {
      id: createId('job'),
      status: 'queued',
      phase: null,
      progress: 0,
      ...ids,
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
    const added = await this.#store.addJob(job, idempotency, this.#mostQueued);
    if (!added.created) return added;
    this.#events.add(job.id, 'status', statusOf(job));
    await this.#hand(job, model, dataset);
    return added;
  }

  /**
   * The job that a request made before, by what it names: uploads may have been deleted since.
   * @throws EspalierError IDEMPOTENCY_CONFLICT when the key came with another request
   */
  findRepeated(key: string, uploads: Pick<Job, 'model' | 'dataset'>, configAsSent: unknown): Promise<Job | undefined> {
    return this.#store.findRepeated({ key, requestSha256: requestSha256(uploads, configAsSent) });
  }

  /**
   * Queues a failed or canceled job again; it goes on from its last checkpoint, with a new deadline. What it had kept of a
   * result goes.
   * @throws EspalierError NOT_FOUND, also of a model or data set that was deleted since; JOB_NOT_FINISHED; JOB_SUCCEEDED;
   *   QUEUE_FULL; UNAVAILABLE
   */
  async retry(id: string): Promise<WrittenJob> {
    const job = found(await this.#store.findJob(id), id);
    const inputs = await this.#inputsOf(job);
    if (!isFinished(job))
      throw new EspalierError('JOB_NOT_FINISHED', `${id} is ${job.status}: there is nothing to retry`);
    if (job.status === 'succeeded') throw new EspalierError('JOB_SUCCEEDED', `${id} has succeeded; start a new job`);
    // The queue keeps the ending of a job until it is told to forget it, and would tell it again in place of a run.
    await this.#queue.forget(id);
    await this.#folders.startAfresh(id);
    const changed = await this.#update(id, retryFinished, this.#mostQueued);
    // Another retry was first.
    if (!changed) return this.get(id);
    const queued = { ...job, ...changed };
    this.#tellStatus(queued);
    await this.#hand(queued, inputs.model, inputs.dataset);
    return this.get(id);
  }

  /** Gives a job that is on the record to the queue: now, or once the queue is there. */
  async #hand(job: Job, model: Upload<'model'>, dataset: Upload<'dataset'> | undefined): Promise<void> {
    const fields = { job_id: job.id, request_id: job.requestId };
    try {
      await this.#queue.enqueue(messageOf(job, model, dataset));
      this.#log.info(fields, 'job queued');
    } catch (err) {
      this.#log.warn({ ...fields, err }, 'the queue may not have the job');
      this.#delivery.deliverLater(job.id);
    }
  }

  async #inputsOf({ id, model: modelId, dataset: datasetId }: Job) {
    const model = await this.#store.findUpload('model', modelId);
    const dataset = datasetId === null ? undefined : await this.#store.findUpload('dataset', datasetId);
    const missing = model === undefined ? modelId : datasetId !== null && dataset === undefined ? datasetId : undefined;
    if (model === undefined || missing !== undefined) {
      throw new EspalierError('NOT_FOUND', missingInput(id, missing ?? modelId).message);
    }
    return { model, dataset };
  }

  /**
   * Idempotent. A running job is canceled by its worker, which keeps the best result so far. With the queue away the cancel
   * is recorded, and told when it is back.
   * @throws EspalierError NOT_FOUND
   */
  async cancel(id: string): Promise<WrittenJob> {
    if (isFinished(await this.#state(id))) return this.get(id);
    await this.#update(id, (j) => (isFinished(j) ? undefined : { job: { ...j, cancelRequested: true } }));
    try {
      const answer = await this.#queue.cancel(id);
      this.#log.info({ job_id: id, answer }, 'job canceled');
      if (answer !== 'signaled') await this.#endIdle(id, cancelIdle);
    } catch (err) {
      if (!isUnavailable(err)) throw err;
      this.#log.warn({ job_id: id, err }, 'the queue may not have heard of the cancel');
      this.#delivery.deliverLater(id);
    }
    return this.get(id);
  }

  /** Removes a finished job and what it wrote. @throws EspalierError NOT_FOUND; JOB_NOT_FINISHED */
  async remove(id: string): Promise<void> {
    await this.#store.removeJob(id);
    this.#events.forget(id);
    await this.#folders.remove(id);
  }

  /**
   * The job once its status is another than now, or once the time is up or the signal fires. Many may wait: until then
   * nothing of it is read that may be long.
   * @throws EspalierError NOT_FOUND
   */
  async wait(id: string, timeoutMs: number, signal: AbortSignal): Promise<WrittenJob> {
    const { status } = await this.#state(id);
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const left = deadline - Date.now();
      // Listens before it reads: a change between the two is not missed.
      const change = this.#waiters.listen(id, Math.max(0, left), signal);
      const now = await this.#state(id);
      const over = left <= 0 || signal.aborted || this.#closing.signal.aborted;
      if (over || isFinished(now) || now.status !== status) {
        change.stop();
        return this.get(id);
      }
      await change.happened;
    }
  }

  /**
   * See {@link watchJob}; ends when the service stops, too.
   * @throws EspalierError NOT_FOUND
   */
  async watch(
    jobId: string,
    options: { last: string | undefined; quietMs: number; signal: AbortSignal },
  ): Promise<AsyncGenerator<Watched>> {
    await this.#state(jobId);
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const find = () => this.#store.findState(jobId);
    return watchJob({ ...options, find, events: this.#events, jobId, signal });
  }

  /**
   * Puts every unfinished job into the queue again: at boot, when nobody knows what became of them. Resolves when all are
   * in, however long the queue is away; close() ends it.
   */
  async requeueUnfinished(): Promise<number> {
    const ids = await this.#store.unfinishedJobs();
    for (const id of ids) {
      // One that can't be queued (its model's record is damaged, say) holds nobody else up.
      await this.#delivery
        .deliver(id)
        .catch((err: unknown) => this.#log.error({ job_id: id, err }, 'the queue could not be told of a job'));
    }
    return ids.length;
  }

  /** Answers every wait now: the service stops. */
  endWaits(): void {
    this.#closing.abort();
    this.#waiters.wakeAll();
    this.#events.wakeAll();
  }

  /** Resolves when every report that came has been recorded. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  async close(): Promise<void> {
    this.endWaits();
    await this.settled();
    await this.#delivery.settled();
  }

  async #endIdle(id: string, end: (job: JobSummary, now: string) => JobChange | undefined): Promise<void> {
    const ended = await this.#update(id, (job) => end(job, new Date().toISOString()));
    if (!ended) return;
    this.#tellStatus(ended);
    await this.#folders.removeAllBut(id, ended.attempt, { keepCheckpoints: true });
  }

  /**
   * What a report makes of the record. An ending comes once, so it is tried again, until the record can take it (the disk
   * was full) or the service stops: at the next start the queue tells it anew.
   */
  async #record(report: WorkerReport): Promise<{ before: JobSummary | undefined; job: JobSummary | undefined }> {
    for (;;) {
      try {
        let before: JobSummary | undefined;
        const update = mustBeRecorded(report) ? this.#update.bind(this) : this.#store.updateJob;
        const job = await update(report.job_id, (current) => {
          before = current;
          return applyReport(current, report, new Date().toISOString());
        });
        return { before, job };
      } catch (err) {
        if (!mustBeRecorded(report) || isDamage(err) || this.#closing.signal.aborted) throw err;
        this.#log.error({ job_id: report.job_id, err }, 'the end of a job could not be recorded; trying again');
        await pause(RETRY_MS, this.#closing.signal);
      }
    }
  }

  /** What must be on the record: on a full disk, with what is kept for it. Progress that can't be told is no loss. */
  async #update(...args: Parameters<JobStore['updateJob']>): ReturnType<JobStore['updateJob']> {
    try {
      return await this.#store.updateJob(...args);
    } catch (err) {
      if (!isDiskFull(err) || !(await this.#disk?.release())) throw err;
      this.#log.warn({ job_id: args[0], err }, 'the disk is full; the record takes what was kept for it');
      return await this.#store.updateJob(...args);
    }
  }

  async #take(report: WorkerReport): Promise<void> {
    const jobId = report.job_id;
    const fields = { job_id: jobId, attempt: report.attempt };
    if (report.type === 'log') this.#log.info({ ...report.fields, ...fields }, report.message);
    const { before, job } = await this.#record(report);
    if (job && job.status !== before?.status) {
      this.#log.info({ ...fields, status: job.status, ...(job.error && { error: job.error }) }, `job ${job.status}`);
      this.#tellStatus(job);
    }
    if (before && !isFinished(before) && report.attempt >= before.attempt) this.#tell(report);
    if (!job) {
      this.#log.debug({ ...fields, type: report.type, known: before !== undefined }, 'report changes nothing');
      if (!before || isFinished(before)) await this.#stopStray(report, before);
      return;
    }
    if (isFinished(job)) await this.#tidy(jobId, job);
  }

  /** Someone runs a job that is over by the record, or is not on it: the queue took it in when nobody waited any more. */
  async #stopStray(report: WorkerReport, job: JobSummary | undefined): Promise<void> {
    if (isEnding(report)) return this.#tidy(report.job_id, job);
    await this.#queue.cancel(report.job_id);
  }

  /** Of a job that has ended only what the record lists stays. One that is not on it goes to quarantine: it may be the record that is wrong. */
  async #tidy(id: string, job: JobSummary | undefined): Promise<void> {
    if (job) await this.#folders.removeAllBut(id, job.attempt, { keepCheckpoints: job.status !== 'succeeded' });
    else await this.#folders.setAside(id);
    await this.#queue.forget(id);
  }

  /** @throws EspalierError NOT_FOUND */
  async get(id: string): Promise<WrittenJob> {
    return found(await this.#store.findWrittenJob(id), id);
  }

  async #state(id: string): Promise<JobState> {
    return found(await this.#store.findState(id), id);
  }

  #track(work: Promise<void>, jobId: string): void {
    const settled = work
      .catch((err: unknown) => this.#log.error({ job_id: jobId, err }, 'a report could not be recorded'))
      .finally(() => this.#inFlight.delete(settled));
    this.#inFlight.add(settled);
  }

  #tell(report: WorkerReport): void {
    const event = eventOf(report);
    if (event) this.#events.add(report.job_id, event.type, event.data);
  }

  #tellStatus(job: JobSummary): void {
    this.#waiters.wake(job.id);
    this.#events.add(job.id, 'status', statusOf(job));
  }
}

function found<T>(record: T | undefined, id: string): T {
  if (record === undefined) throw new EspalierError('NOT_FOUND', `there is no job ${id}`);
  return record;
}

/** What comes once, and must not be lost to a record that can't be written just then. */
function mustBeRecorded(report: WorkerReport): boolean {
  return isEnding(report) || report.type === 'waiting';
}

function isEnding(report: WorkerReport): boolean {
  return report.type === 'finished' || report.type === 'failed';
}
