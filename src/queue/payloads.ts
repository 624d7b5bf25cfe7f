/** What the two queues carry. JSON all through; both ends are ours, so types are enough. */
import type { FieldError } from '../errors.js';
import type { Inspections, JobMessage, WorkerEvent } from '../jobs/messages.js';
import type { BlobRef } from '../storage/blob-store.js';

export const JOBS_QUEUE = 'espalier-jobs';
export const INSPECTIONS_QUEUE = 'espalier-inspections';

/** Published on the jobs queue's event stream, so that it reaches whichever process runs the job. */
export const CANCEL_EVENT = 'espalier-cancel';

/** Data of a job. `canceled` outlives a worker that dies before it has heard of the cancel. */
export interface JobPayload {
  readonly message: JobMessage;
  readonly canceled: boolean;
}

/** A job's BullMQ progress: everything that happened since the last one. */
export interface ProgressBatch {
  readonly attempt: number;
  readonly events: readonly WorkerEvent[];
}

/** A job's BullMQ result: how its last attempt ended. A job that failed for good completes, too, with a `failed` event. */
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
