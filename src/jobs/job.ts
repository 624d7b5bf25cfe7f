/**
 * The record of a job, and what may happen to it.
 *
 * Words used here:
 * - **record**: the row that says what became of a job. The record is the truth; the queue only carries messages.
 * - **upload**: a stored model or data set with what its inspection found.
 * - **attempt**: one run of a job by a worker. A job has one result, of the attempt that finished.
 * - **report**: what a worker says of its attempt (messages.ts).
 * - **unfinished**: queued or running. Unfinished jobs are put into the queue again at boot.
 *
 * ```
 *              a report                finished
 *   queued ───────────────► running ───────────────► succeeded
 *     │                      │  │  └────────────────► failed        failed
 *     └──────► canceled ◄────┘  └ a newer attempt: running again; no room on the disk: queued
 *       nobody runs it   finished, status canceled
 * ```
 *
 * The three states on the right and `canceled` are final: no report leads out of them. A retry does: a failed or canceled job
 * is queued again, and goes on from its last checkpoint.
 */
import { clip, LONGEST_DETAIL, LONGEST_ID, LONGEST_TEXT, MOST_WARNINGS } from '../checks/index.js';
import type { Artifact, JobResult, Phase, Warning } from '../contract.js';
import type { PruneConfig } from '../prune-config/index.js';
import type { JobFailure, WorkerReport } from './messages.js';

export const JOB_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export interface Job {
  readonly id: string;
  readonly status: JobStatus;
  readonly phase: Phase | null;
  /** In [0, 1]; never goes back. */
  readonly progress: number;
  /** Ids of the uploads. They may have been deleted since, once the job was finished. */
  readonly model: string;
  readonly dataset: string | null;
  readonly config: PruneConfig;
  /** The newest attempt that was heard of; 0 before the first. */
  readonly attempt: number;
  readonly cancelRequested: boolean;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly warnings: readonly Warning[];
  readonly error: JobFailure | null;
  readonly result: JobResult | null;
  readonly requestId: string | null;
}

/** What lists tell of a job: all but what may be long. */
export type JobSummary = Omit<Job, 'config' | 'result'>;

/** A job whose texts are as they were written, in JSON: nothing of them is read to be told again. */
export interface WrittenJob {
  readonly job: JobSummary;
  readonly config: Uint8Array | string;
  readonly result: Uint8Array | string | null;
}

export function writtenJob({ config, result, ...job }: Job): WrittenJob {
  return { job, config: JSON.stringify(config), result: result && JSON.stringify(result) };
}

/** What those who wait for a job look at. */
export type JobState = Pick<Job, 'status' | 'phase' | 'progress' | 'error'>;

/** What a report changes. `artifacts` come with the end, and replace those that are there, as a `result` does. */
export interface JobChange {
  readonly job: JobSummary & Partial<Pick<Job, 'result'>>;
  readonly artifacts?: readonly Artifact[];
}

export function isFinished(job: Pick<Job, 'status'>): boolean {
  return job.status !== 'queued' && job.status !== 'running';
}

/**
 * The record after a report; undefined when the report changes nothing: the job is finished, or the attempt is not the
 * newest. A report of a newer attempt makes that one current, whatever the report is (`started` may have been lost).
 */
export function applyReport(job: JobSummary, report: WorkerReport, now: string): JobChange | undefined {
  if (isFinished(job) || report.attempt < job.attempt) return undefined;
  const fresh = report.attempt > job.attempt;
  const current: JobSummary = {
    ...job,
    status: 'running',
    attempt: report.attempt,
    startedAt: job.startedAt ?? now,
    warnings: fresh ? [] : job.warnings,
  };
  const change = CHANGES[report.type](current, report as never, now);
  return change ?? (fresh || job.status === 'queued' ? { job: current } : undefined);
}

type ReportOf<T extends WorkerReport['type']> = Extract<WorkerReport, { type: T }>;

const CHANGES: {
  [T in WorkerReport['type']]: (job: JobSummary, report: ReportOf<T>, now: string) => JobChange | undefined;
} = {
  started: () => undefined,
  metric: () => undefined,
  log: () => undefined,
  progress: (job, { phase, progress }) => ({ job: { ...job, phase, progress: Math.max(job.progress, progress) } }),
  warning: (job, warning) => ({ job: withWarning(job, warning) }),
  waiting: (job, warning) => ({ job: { ...withWarning(job, warning), status: 'queued' } }),
  finished: (job, { outcome }, now) => ({
    job: {
      ...job,
      status: outcome.status,
      progress: outcome.status === 'succeeded' ? 1 : job.progress,
      finishedAt: now,
      warnings: bounded(outcome.warnings),
      result: outcome.result,
    },
    artifacts: outcome.artifacts,
  }),
  failed: (job, { error }, now) => ({
    job: {
      ...job,
      status: 'failed',
      finishedAt: now,
      error: { ...error, message: clip(error.message, LONGEST_DETAIL) },
    },
  }),
};

function withWarning(job: JobSummary, { code, message }: Job['warnings'][number]): JobSummary {
  return { ...job, warnings: bounded([...job.warnings, { code, message }]) };
}

/** The first warnings, with texts that a list of jobs has room for. */
function bounded(warnings: Job['warnings']): Job['warnings'] {
  return warnings
    .slice(0, MOST_WARNINGS)
    .map(({ code, message }) => ({ code: clip(code, LONGEST_ID), message: clip(message, LONGEST_TEXT) }));
}

/**
 * The record of a failed or canceled job that is queued again; undefined for any other. Its attempt counts on, so that
 * nothing which is still told of an earlier one is taken for news.
 */
export function retryFinished(job: JobSummary): JobChange | undefined {
  if (job.status !== 'failed' && job.status !== 'canceled') return undefined;
  const fresh = { cancelRequested: false, finishedAt: null, warnings: [], error: null, result: null };
  return { job: { ...job, ...fresh, status: 'queued', attempt: job.attempt + 1 }, artifacts: [] };
}

/** The record of a job that can't be run, since an upload that it needs is gone; undefined when it is finished. */
export function failForMissing(job: JobSummary, uploadId: string, now: string): JobChange | undefined {
  if (isFinished(job)) return undefined;
  return { job: { ...job, status: 'failed', finishedAt: now, error: missingInput(job.id, uploadId) } };
}

export function missingInput(jobId: string, uploadId: string): JobFailure {
  return {
    code: 'NOT_FOUND',
    message: `${uploadId}, which ${jobId} needs, was deleted`,
    phase: null,
    retryable: false,
  };
}

/** The record of a job that no worker has or will have; undefined when it is finished. */
export function cancelIdle(job: JobSummary, now: string): JobChange | undefined {
  if (isFinished(job)) return undefined;
  return { job: { ...job, status: 'canceled', cancelRequested: true, finishedAt: now } };
}
