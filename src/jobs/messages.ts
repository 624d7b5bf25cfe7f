/**
 * What passes between the API (which owns the record) and the queue with its workers. JSON all through.
 *
 * **Attempts.** A job may be run more than once: a worker dies, the service restarts. Each run has its own attempt number
 * and its own output folder. `JobMessage.attempt` is the number of the first run of that message; a queue that delivers
 * the same message again (a stalled job) counts on from there, so that no two runs of a job share a number. The record
 * holds the newest attempt it has heard of: reports of an older one are dropped, a report of a newer one makes that one current.
 */
import type { DatasetInspection, JobEvent, JobOutcome, ModelInspection, Phase, Warning } from '../contract.js';
import type { PruneConfig } from '../prune-config/index.js';
import type { BlobRef } from '../storage/blob-store.js';

/** Everything that a worker needs to run a job; it never reads the record. */
export interface JobMessage {
  readonly job_id: string;
  readonly attempt: number;
  readonly model: BlobRef;
  readonly dataset?: BlobRef;
  readonly config: PruneConfig;
  /** Of the request that made the job, for logs. */
  readonly request_id?: string;
}

/** What a failed job's record says. `code` is one of src/errors.ts. */
export interface JobFailure {
  readonly code: string;
  readonly message: string;
  readonly phase: Phase | null;
  readonly retryable: boolean;
}

/** What workers say of a run. `progress` is in [0, 1] and comes at most twice a second. */
export type WorkerReport = { readonly job_id: string; readonly attempt: number } & WorkerEvent;

export type WorkerEvent =
  | { readonly type: 'started' }
  | { readonly type: 'progress'; readonly phase: Phase; readonly progress: number }
  | Exclude<JobEvent, { readonly type: 'phase' | 'progress' }>
  /** The run has ended, and the job waits for something (`DISK_FULL`: for room) before its next one. */
  | ({ readonly type: 'waiting' } & Warning)
  | { readonly type: 'finished'; readonly outcome: JobOutcome }
  | { readonly type: 'failed'; readonly error: JobFailure };

export interface Inspections {
  readonly model: ModelInspection;
  readonly dataset: DatasetInspection;
}

/**
 * What a cancel found. `removed`: the job was waiting, no worker will touch it. `signaled`: a worker runs it and will
 * report (`finished` with a canceled outcome, or whatever came first). `unknown`: the queue doesn't have it.
 */
export type CancelAnswer = 'removed' | 'signaled' | 'unknown';

/** Transport only: the record of truth is the JobStore. */
export interface JobQueue {
  /**
   * Idempotent by `job_id`: nothing happens when the job is waiting or being run; when a run of it has ended, its last
   * report (`finished` or `failed`) is emitted again, so that a report that nobody heard isn't lost.
   */
  enqueue(message: JobMessage): Promise<void>;
  cancel(jobId: string): Promise<CancelAnswer>;
  /** Forgets a job that has ended, once its record says so. */
  forget(jobId: string): Promise<void>;
  /**
   * Has a child process read an upload.
   * @throws EspalierError the child's verdict; `UNAVAILABLE` when no worker answers in time.
   */
  inspect<K extends keyof Inspections>(kind: K, upload: BlobRef): Promise<Inspections[K]>;
  on(event: 'report', listener: (report: WorkerReport) => void): void;
  /** True, or why it can take no jobs: `/readyz` says so. */
  ready(): Promise<true | string>;
  /** Stops taking jobs, stops children (their jobs resume at the next start; nothing is reported for them), lets go of connections. */
  close(): Promise<void>;
}
