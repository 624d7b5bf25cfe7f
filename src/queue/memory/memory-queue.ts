import { ErrorCode, type JobJson, type JobState, type KeepJobs } from 'bullmq';
import { EventLog } from './event-log.js';

export type FinishedState = 'completed' | 'failed';

interface StoredJob {
  readonly json: JobJson;
  /** Who runs it, and until when nobody else may. */
  lock?: { readonly token: string; until: number };
}

/** `[job, id, rate limit delay, next delayed]`, as BullMQ's workers expect it. */
export type NextJob = [JobJson | null, string | undefined, number, number];

/**
 * One queue's state and transitions. Each method is one atomic step (nothing awaits inside), which is what BullMQ's Lua
 * scripts are for in Redis: wait → active → completed or failed, back to wait on a retry, a stall or a worker's stop.
 */
export class MemoryQueue {
  readonly events: EventLog;
  readonly meta = new Map<string, string>();
  /** Called when a job may be taken. */
  readonly wakers = new Set<() => void>();
  private readonly jobs = new Map<string, StoredJob>();
  /** Ids; the next one to run is first. */
  private readonly waiting: string[] = [];
  private readonly active: string[] = [];
  /** Ids in the order in which they finished. */
  private readonly finished: Record<FinishedState, string[]> = { completed: [], failed: [] };
  private lastId = 0;

  constructor(name: string) {
    this.events = new EventLog(name);
  }

  /** Adds a waiting job. An id that is known already is left as it is. */
  add(job: JobJson, jobId: string | undefined): string {
    this.lastId += 1;
    const id = jobId ?? String(this.lastId);
    if (this.jobs.has(id)) {
      this.events.append({ event: 'duplicated', jobId: id });
      return id;
    }
    this.jobs.set(id, { json: { ...structuredClone(job), id } });
    this.events.append({ event: 'added', jobId: id, name: job.name });
    this.putToWait(id, job.opts.lifo === true);
    return id;
  }

  /** Takes the next waiting job and locks it. */
  takeNext(token: string, workerName: string | undefined, lockDurationMs: number): NextJob {
    const id = this.isPaused() ? undefined : this.waiting.shift();
    if (id === undefined) return [null, undefined, 0, 0];
    const job = this.get(id, 'moveToActive');
    this.active.push(id);
    job.lock = { token, until: Date.now() + lockDurationMs };
    job.json.processedOn = Date.now();
    job.json.attemptsStarted = (job.json.attemptsStarted ?? 0) + 1;
    if (workerName !== undefined) job.json.processedBy = workerName;
    this.events.append({ event: 'active', jobId: id, prev: 'waiting' });
    return [structuredClone(job.json), id, 0, 0];
  }

  /** Ends a run. `value` is what the event carries: the result as JSON, or the reason of the failure. */
  finish(id: string, state: FinishedState, value: string, token: string, keep: KeepJobs, fields?: object): number {
    const job = this.release(id, token, 'moveToFinished');
    Object.assign(job.json, fields);
    job.json.attemptsMade = (job.json.attemptsMade ?? 0) + 1;
    job.json.finishedOn = Date.now();
    const field = state === 'completed' ? 'returnvalue' : 'failedReason';
    job.json[field] = value;
    delete job.json.deferredFailure;
    this.finished[state].push(id);
    this.evict(state, keep);
    this.events.append({ event: state, jobId: id, [field]: value, prev: 'active' });
    if (this.waiting.length === 0 && this.active.length === 0) this.events.append({ event: 'drained' });
    return job.json.finishedOn;
  }

  /** A run that ended with a wish to be tried again. */
  retry(id: string, token: string, lifo: boolean, fields?: object): void {
    const job = this.release(id, token, 'retryJob');
    Object.assign(job.json, fields);
    job.json.attemptsMade = (job.json.attemptsMade ?? 0) + 1;
    this.putToWait(id, lifo, 'active');
  }

  /** A run that its worker gave up; it is the next one to be taken. */
  giveBack(id: string, token: string): void {
    this.release(id, token, 'moveJobFromActiveToWait');
    this.putToWait(id, true, 'active');
  }

  /** Back to waiting with every run whose lock has run out; one that did so too often fails when it is next taken. */
  recoverStalled(maxStalledCount: number): string[] {
    const now = Date.now();
    const stalled = this.active.filter((id) => (this.jobs.get(id)?.lock?.until ?? 0) < now);
    for (const id of stalled) {
      const job = this.get(id, 'moveStalledJobsToWait');
      remove(this.active, id);
      job.lock = undefined;
      job.json.stalledCounter = (job.json.stalledCounter ?? 0) + 1;
      if (job.json.stalledCounter > maxStalledCount) job.json.deferredFailure = 'job stalled more than allowable limit';
      this.putToWait(id, true, 'active');
      this.events.append({ event: 'stalled', jobId: id });
    }
    return stalled;
  }

  /** False when the lock is another's, or gone. */
  extendLock(id: string, token: string, durationMs: number): boolean {
    const lock = this.jobs.get(id)?.lock;
    if (lock === undefined || lock.token !== token) return false;
    lock.until = Date.now() + durationMs;
    return true;
  }

  /** False when a worker holds it; true also when there is no such job. */
  remove(id: string): boolean {
    const job = this.jobs.get(id);
    if (job?.lock !== undefined && job.lock.until >= Date.now()) return false;
    for (const list of [this.waiting, this.active, this.finished.completed, this.finished.failed]) remove(list, id);
    if (this.jobs.delete(id)) this.events.append({ event: 'removed', jobId: id, prev: 'waiting' });
    return true;
  }

  /** Removes every waiting job. */
  drain(): void {
    for (const id of this.waiting.splice(0)) this.jobs.delete(id);
  }

  update(id: string, fields: Partial<JobJson>, command: string): void {
    Object.assign(this.get(id, command).json, fields);
  }

  find(id: string): JobJson | undefined {
    return structuredClone(this.jobs.get(id)?.json);
  }

  state(id: string): JobState | 'unknown' {
    if (this.waiting.includes(id)) return 'waiting';
    if (this.active.includes(id)) return 'active';
    if (this.finished.completed.includes(id)) return 'completed';
    return this.finished.failed.includes(id) ? 'failed' : 'unknown';
  }

  /** Ids in a state, oldest first. */
  ids(state: string): readonly string[] {
    if (state === 'wait' || state === 'waiting') return this.waiting;
    if (state === 'active') return this.active;
    if (state === 'completed' || state === 'failed') return this.finished[state];
    return [];
  }

  hasWork(): boolean {
    return this.waiting.length > 0 && !this.isPaused();
  }

  setPaused(paused: boolean): void {
    if (paused) this.meta.set('paused', '1');
    else this.meta.delete('paused');
    this.events.append({ event: paused ? 'paused' : 'resumed' });
    this.wake();
  }

  private isPaused(): boolean {
    return this.meta.has('paused');
  }

  private putToWait(id: string, first: boolean, prev?: string): void {
    if (first) this.waiting.unshift(id);
    else this.waiting.push(id);
    this.events.append({ event: 'waiting', jobId: id, ...(prev === undefined ? {} : { prev }) });
    this.wake();
  }

  private wake(): void {
    for (const wake of [...this.wakers]) wake();
  }

  private get(id: string, command: string): StoredJob {
    const job = this.jobs.get(id);
    if (job === undefined) throw fault(ErrorCode.JobNotExist, `Missing key for job ${id}. ${command}`);
    return job;
  }

  /** Takes a job out of active, for the holder of its lock. */
  private release(id: string, token: string, command: string): StoredJob {
    const job = this.get(id, command);
    if (job.lock === undefined) throw fault(ErrorCode.JobLockNotExist, `Missing lock for job ${id}. ${command}`);
    if (job.lock.token !== token)
      throw fault(ErrorCode.JobLockMismatch, `Lock mismatch for job ${id}. Cmd ${command} from active`);
    job.lock = undefined;
    remove(this.active, id);
    return job;
  }

  private evict(state: FinishedState, keep: KeepJobs): void {
    const list = this.finished[state];
    const count = keep.count ?? -1;
    const oldestMs = 'age' in keep ? Date.now() - keep.age * 1000 : 0;
    const drop = list.filter((id, index) => {
      const finishedOn = this.jobs.get(id)?.json.finishedOn ?? 0;
      return finishedOn < oldestMs || (count >= 0 && index < list.length - count);
    });
    for (const id of drop) {
      remove(list, id);
      this.jobs.delete(id);
    }
  }
}

/** As BullMQ words and numbers its own. */
function fault(code: ErrorCode, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function remove(list: string[], id: string): void {
  const index = list.indexOf(id);
  if (index >= 0) list.splice(index, 1);
}
