/** Rows of the record as what they stand for, and back. */
import type { Selectable } from 'kysely';
import type { Phase } from '../contract.js';
import { EspalierError } from '../errors.js';
import type { UnitsTemplate } from '../prune-config/index.js';
import { JOB_STATUSES, type Job, type JobState, type JobStatus, type JobSummary, type WrittenJob } from './job.js';
import type { Tables } from './sqlite.js';
import type { NewUpload, Upload, UploadKind } from './upload.js';

export function uploadRow({ blob, inspection, units, ...upload }: NewUpload<UploadKind>): Tables['uploads'] {
  return {
    id: upload.id,
    kind: upload.kind,
    blob: blob.blob,
    sha256: blob.sha256,
    file_name: blob.name,
    size_bytes: upload.sizeBytes,
    created_at: upload.createdAt,
    inspection: JSON.stringify(inspection),
    units: units && JSON.stringify(units),
  };
}

export function toUpload(row: Omit<Tables['uploads'], 'units'>): Upload {
  return {
    id: row.id,
    kind: row.kind as UploadKind,
    blob: { blob: row.blob, name: row.file_name, sha256: row.sha256 },
    sizeBytes: row.size_bytes,
    createdAt: row.created_at,
    inspection: read(row, 'inspection', 'object'),
  };
}

export function jobRow(job: JobSummary): Tables['jobs'] {
  return {
    id: job.id,
    status: job.status,
    phase: job.phase,
    progress: job.progress,
    model_id: job.model,
    dataset_id: job.dataset,
    attempt: job.attempt,
    cancel_requested: Number(job.cancelRequested),
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    error: job.error && JSON.stringify(job.error),
    request_id: job.requestId,
    warnings: JSON.stringify(job.warnings),
  };
}

export function textsRow(job: Job): Tables['job_texts'] {
  return { job_id: job.id, config: JSON.stringify(job.config), result: resultText(job.result) };
}

export function resultText(result: Job['result']): string | null {
  return result && JSON.stringify(result);
}

/** What is asked for most. */
export const STATE_COLUMNS = ['id', 'status', 'phase', 'progress', 'error'] as const;

export function toState(row: Pick<Selectable<Tables['jobs']>, (typeof STATE_COLUMNS)[number]>): JobState {
  if (!(JOB_STATUSES as readonly string[]).includes(row.status)) throw damaged(row.id, 'status', `is "${row.status}"`);
  return {
    status: row.status as JobStatus,
    phase: row.phase as Phase | null,
    progress: row.progress,
    error: row.error === null ? null : read(row, 'error', 'object'),
  };
}

export function toSummary(row: Selectable<Tables['jobs']>): JobSummary {
  return {
    id: row.id,
    ...toState(row),
    model: row.model_id,
    dataset: row.dataset_id,
    attempt: row.attempt,
    cancelRequested: row.cancel_requested === 1,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    warnings: read(row, 'warnings', 'array'),
    requestId: row.request_id,
  };
}

/** `config` is null where the job has no row of texts. */
export function toJob(row: Selectable<Tables['jobs']> & { config: string | null; result: string | null }): Job {
  return {
    ...toSummary(row),
    config: read(row, 'config', 'object'),
    result: row.result === null ? null : read(row, 'result', 'object'),
  };
}

/** `config` is null where the job has no row of texts; the types are those that SQLite finds in the texts. */
export function toWrittenJob(
  row: Selectable<Tables['jobs']> & {
    config: ArrayBuffer | null;
    config_type: string | null;
    result: ArrayBuffer | null;
    result_type: string | null;
  },
): WrittenJob {
  const { config, result } = row;
  if (config === null) throw damaged(row.id, 'config', 'is missing');
  checkType(row, 'config', row.config_type);
  if (result !== null) checkType(row, 'result', row.result_type);
  return { job: toSummary(row), config: Buffer.from(config), result: result && Buffer.from(result) };
}

function checkType({ id }: { readonly id: string }, column: string, type: string | null): void {
  if (type !== 'object') throw damaged(id, column, type === null ? 'is not JSON' : `is no object but ${type}`);
}

export function toUnits(row: { readonly id: string; readonly units: string }): UnitsTemplate {
  return read(row, 'units', 'object');
}

const KINDS = {
  object: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
};

/** The JSON in a column. @throws EspalierError RECORD_DAMAGED when it isn't any, or of another kind */
function read<T, C extends string>(
  row: { readonly id: string } & { readonly [K in C]: string | null },
  column: C,
  kind: keyof typeof KINDS,
): T {
  let value: unknown;
  try {
    value = JSON.parse(row[column] ?? 'null');
  } catch (cause) {
    throw damaged(row.id, column, `is not JSON: ${(cause as Error).message}`, cause);
  }
  if (!KINDS[kind](value)) throw damaged(row.id, column, `is no ${kind}`);
  return value as T;
}

function damaged(id: string, column: string, found: string, cause?: unknown): EspalierError {
  const text = `the record of ${id} can not be read: its ${column} ${found}; it is kept as it is, to be repaired`;
  return new EspalierError('RECORD_DAMAGED', text, { cause });
}

export function isDamage(error: unknown): error is EspalierError {
  return error instanceof EspalierError && error.code === 'RECORD_DAMAGED';
}
