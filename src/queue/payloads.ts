/** The two queues and what they carry. JSON all through; both ends are ours, so types are enough. */
import type { FieldError } from '../errors.js';
import type { Inspections, JobMessage, WorkerEvent } from '../jobs/messages.js';
import type { BlobRef } from '../storage/blob-store.js';
import type { QueueSpec, Transport, WorkQueue } from './work-queue.js';

/** A job whose runs break is run this many times in all. */
export const MAX_ATTEMPTS = 3;

export interface JobPayload {
  readonly message: JobMessage;
}

/** A job's report: everything that happened since the last one. */
export interface ProgressBatch {
  readonly attempt: number;
  readonly events: readonly WorkerEvent[];
}

/** How a job's last attempt ended. A job that failed for good comes to an ending, too, with a `failed` event. */
export interface JobEnding {
  readonly attempt: number;
  readonly event: Extract<WorkerEvent, { type: 'finished' | 'failed' }>;
}

export interface InspectionPayload {
  readonly kind: keyof Inspections;
  readonly upload: BlobRef;
}

/** An `EspalierError` on its way through a queue or a pipe. */
export interface CodedError {
  readonly code: string;
  readonly message: string;
  readonly errors: readonly FieldError[];
  readonly retryable: boolean;
}

export type InspectionAnswer = { readonly ok: Inspections[keyof Inspections] } | { readonly error: CodedError };

const JOBS: QueueSpec = {
  name: 'espalier-jobs',
  attempts: MAX_ATTEMPTS,
  // How often a job is started is counted beside its checkpoints (workers/fruitless-starts.ts).
  mostLosses: Number.MAX_SAFE_INTEGER,
  // What ends while no API is up.
  keepS: 7 * 24 * 3600,
};

const INSPECTIONS: QueueSpec = {
  name: 'espalier-inspections',
  attempts: 1,
  mostLosses: 1,
  // Answers are read at once; this is for an API that lost its connection for a moment.
  keepS: 600,
};

export const openJobs = (transport: Transport): WorkQueue<JobPayload, ProgressBatch, JobEnding> =>
  transport.queue(JOBS);

/** Workers also say here that they are there. */
export const openInspections = (transport: Transport): WorkQueue<InspectionPayload, never, InspectionAnswer> =>
  transport.queue(INSPECTIONS);
