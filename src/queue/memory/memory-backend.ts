import type { BackendFactory, IQueueBackend, JobJson, JobType, KeepJobs, MinimalJob, QueueBaseOptions } from 'bullmq';
import { waitForWake } from './event-log.js';
import { MemoryQueue } from './memory-queue.js';
import { UnsupportedOperations } from './unsupported-operations.js';

/** The `connection` of the in-process backend: who shares one, shares its queues. */
export class MemoryStore {
  private readonly queues = new Map<string, MemoryQueue>();

  /** The queue of that name, made on first use. */
  queue(name: string): MemoryQueue {
    const queue = this.queues.get(name) ?? new MemoryQueue(name);
    this.queues.set(name, queue);
    return queue;
  }
}

/** The options of workers that BullMQ hands to a backend's factory with those of queues. */
interface BackendOptions extends QueueBaseOptions<MemoryStore> {
  readonly name?: string;
  readonly lockDuration?: number;
  readonly maxStalledCount?: number;
  readonly removeOnComplete?: KeepJobs;
  readonly removeOnFail?: KeepJobs;
}

/**
 * BullMQ's backend contract in one process's memory: nothing to install, nothing survives the process (the record does,
 * and what is unfinished is queued again at boot). What it leaves out stands in {@link UnsupportedOperations}.
 */
export class MemoryBackend extends UnsupportedOperations implements IQueueBackend {
  readonly minimumBlockTimeout = 0.001;
  readonly keys = {};
  closing: Promise<void> | undefined;
  private readonly queue: MemoryQueue;
  /** Wakes this backend's own waits, and nobody else's. */
  private readonly waits = new Set<() => void>();

  constructor(
    private readonly name: string,
    private readonly store: MemoryStore,
    private readonly options: BackendOptions,
  ) {
    super();
    this.queue = store.queue(name);
  }

  get qualifiedName(): string {
    return this.name;
  }

  async waitUntilReady(): Promise<void> {}

  async close(): Promise<void> {
    this.closing ??= this.disconnect();
    await this.closing;
  }

  async disconnect(): Promise<void> {
    await this.disconnectBlocking();
  }

  async setName(): Promise<void> {}

  forQueue(queueName: string): MemoryBackend {
    return new MemoryBackend(queueName, this.store, this.options);
  }

  toKey(type: string): string {
    return `${this.name}:${type}`;
  }

  parseNodeKey(key: string): { prefix: string; queueName: string; id: string } {
    const [queueName = '', id = ''] = key.split(':');
    return { prefix: '', queueName, id };
  }

  clientName(suffix = ''): string {
    return `${this.name}${suffix}`;
  }

  async getClientList(): Promise<string[]> {
    return [];
  }

  async addJob(job: JobJson, jobId: string): Promise<string> {
    const { delay, priority } = job.opts;
    if (delay || priority) throw new Error('the in-process queue backend does not support delays and priorities');
    return this.queue.add(job, jobId);
  }

  async addJobs(entries: { job: JobJson; jobId: string }[]): Promise<string[]> {
    return Promise.all(entries.map(({ job, jobId }) => this.addJob(job, jobId)));
  }

  async moveToActive(token: string, name?: string): Promise<unknown[]> {
    return this.queue.takeNext(token, name, this.options.lockDuration ?? 30_000);
  }

  async moveToCompleted<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    returnValue: R,
    removeOnComplete: boolean | number | KeepJobs,
    token: string,
    fetchNext: boolean,
  ): Promise<{ result: unknown[]; finishedOn: number }> {
    const keep = keepJobs(removeOnComplete, this.options.removeOnComplete);
    const value = JSON.stringify(returnValue ?? null);
    const finishedOn = this.queue.finish(job.id ?? '', 'completed', value, token, keep);
    return { result: await this.next(fetchNext, token), finishedOn };
  }

  async moveToFailed<T, R, N extends string>(
    job: MinimalJob<T, R, N>,
    failedReason: string,
    removeOnFail: boolean | number | KeepJobs,
    token: string,
    fetchNext: boolean,
    fieldsToUpdate?: Record<string, unknown>,
  ): Promise<{ result: unknown[]; finishedOn: number }> {
    const keep = keepJobs(removeOnFail, this.options.removeOnFail);
    const finishedOn = this.queue.finish(job.id ?? '', 'failed', failedReason, token, keep, fieldsToUpdate);
    return { result: await this.next(fetchNext, token), finishedOn };
  }

  async moveJobFromActiveToWait(jobId: string, token = '0'): Promise<number> {
    this.queue.giveBack(jobId, token);
    return 0;
  }

  async retryJob(jobId: string, lifo: boolean, token = '0', opts: { fieldsToUpdate?: object } = {}): Promise<void> {
    this.queue.retry(jobId, token, lifo, opts.fieldsToUpdate);
  }

  async moveStalledJobsToWait(): Promise<string[]> {
    return this.queue.recoverStalled(this.options.maxStalledCount ?? 1);
  }

  async extendLock(jobId: string, token: string, duration: number): Promise<number> {
    return this.queue.extendLock(jobId, token, duration) ? 1 : 0;
  }

  async extendLocks(jobIds: string[], tokens: string[], duration: number): Promise<string[]> {
    return jobIds.filter((id, index) => !this.queue.extendLock(id, tokens[index] ?? '', duration));
  }

  async pause(pause: boolean): Promise<void> {
    this.queue.setPaused(pause);
  }

  async drain(): Promise<void> {
    this.queue.drain();
  }

  async remove(jobId: string): Promise<number> {
    return this.queue.remove(jobId) ? 1 : 0;
  }

  async updateData<T, R, N extends string>(job: MinimalJob<T, R, N>, data: T): Promise<void> {
    this.queue.update(job.id ?? '', { data: JSON.stringify(data) }, 'updateData');
  }

  async updateProgress(jobId: string, progress: JobJson['progress']): Promise<void> {
    this.queue.update(jobId, { progress: structuredClone(progress) }, 'updateProgress');
    this.queue.events.append({ event: 'progress', jobId, data: JSON.stringify(progress) });
  }

  async getState(jobId: string): Promise<Awaited<ReturnType<IQueueBackend['getState']>>> {
    return this.queue.state(jobId);
  }

  async isJobInState(state: string, jobId: string): Promise<boolean> {
    return this.queue.ids(state).includes(jobId);
  }

  async isFinished(jobId: string, returnValue = false): Promise<number | [number, string]> {
    const job = this.queue.find(jobId);
    const state = this.queue.state(jobId);
    const code = job === undefined ? -1 : state === 'completed' ? 1 : state === 'failed' ? 2 : 0;
    if (!returnValue) return code;
    if (code === -1) return [code, `Missing key for job ${jobId}. isFinished`];
    return [code, (code === 1 ? job?.returnvalue : job?.failedReason) ?? ''];
  }

  async getJobData(jobId: string): Promise<JobJson | undefined> {
    return this.queue.find(jobId);
  }

  async getCounts(types: JobType[]): Promise<number[]> {
    return types.map((type) => this.queue.ids(type).length);
  }

  async getRanges(types: JobType[], start = 0, end = -1, asc = false): Promise<[string][]> {
    const ranges = types.map((type) => {
      const ids = [...this.queue.ids(type)];
      if (!asc) ids.reverse();
      const page = ids.slice(start, end < 0 ? ids.length + end + 1 : end + 1);
      // Redis reads its lists from the new end only, so BullMQ turns their ascending pages round.
      return asc && type !== 'completed' && type !== 'failed' ? page.reverse() : page;
    });
    return ranges as unknown as [string][];
  }

  async setQueueMeta(values: Record<string, string | number>): Promise<number> {
    for (const [field, value] of Object.entries(values)) this.queue.meta.set(field, String(value));
    return Object.keys(values).length;
  }

  async getQueueMetaField(field: string): Promise<string | null> {
    return this.queue.meta.get(field) ?? null;
  }

  async getQueueMetaFields(fields: string[]): Promise<(string | null)[]> {
    return fields.map((field) => this.queue.meta.get(field) ?? null);
  }

  async getQueueMeta(): Promise<Record<string, string>> {
    return Object.fromEntries(this.queue.meta);
  }

  async removeQueueMetaFields(fields: string[]): Promise<number> {
    return fields.filter((field) => this.queue.meta.delete(field)).length;
  }

  async hasQueueMetaField(field: string): Promise<boolean> {
    return this.queue.meta.has(field);
  }

  async trimEvents(maxLength: number): Promise<number> {
    return this.queue.events.trim(maxLength);
  }

  async publishEvent(fields: Record<string, string | number>): Promise<string> {
    return this.queue.events.append(fields);
  }

  readEvents(id: string, blockTimeout: number): ReturnType<IQueueBackend['readEvents']> {
    return this.queue.events.read(id, blockTimeout, this.waits);
  }

  async waitForJob(blockTimeout: number): Promise<{ member: string; score: number } | null> {
    if (!this.queue.hasWork()) await waitForWake(this.queue.wakers, this.waits, blockTimeout * 1000);
    return this.queue.hasWork() ? { member: '0', score: 0 } : null;
  }

  async disconnectBlocking(): Promise<void> {
    for (const wake of [...this.waits]) wake();
  }

  async reconnectBlocking(): Promise<void> {}

  private async next(fetch: boolean, token: string): Promise<unknown[]> {
    return fetch && this.closing === undefined ? this.moveToActive(token, this.options.name) : [];
  }
}

/** For `withBackend()`. */
export const createMemoryBackend: BackendFactory<MemoryBackend, MemoryStore> = (name, options) =>
  new MemoryBackend(name, options.connection, options);

/** BullMQ's rule: the job's own wish, else the worker's, else keep all. */
function keepJobs(ofJob: boolean | number | KeepJobs | undefined, ofWorker: KeepJobs | undefined): KeepJobs {
  if (ofJob === undefined) return ofWorker ?? { count: -1 };
  if (typeof ofJob === 'object') return ofJob;
  if (typeof ofJob === 'number') return { count: ofJob };
  return { count: ofJob ? 0 : -1 };
}
