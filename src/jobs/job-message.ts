import { createHash } from 'node:crypto';
import type { Job } from './job.js';
import type { JobMessage } from './messages.js';
import type { Upload } from './upload.js';

/** The message that has a worker run the next attempt of a job. */
export function messageOf(job: Job, model: Upload<'model'>, dataset: Upload<'dataset'> | undefined): JobMessage {
  return {
    job_id: job.id,
    attempt: job.attempt + 1,
    model: model.blob,
    ...(dataset && { dataset: dataset.blob }),
    config: job.config,
    ...(job.requestId !== null && { request_id: job.requestId }),
  };
}

/** Equal for requests that ask for the same, whatever the order of their keys. */
export function requestSha256(job: Pick<Job, 'model' | 'dataset'>, configAsSent: unknown): string {
  const sorted = JSON.stringify([job.model, job.dataset, configAsSent ?? {}], (_key, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
  return createHash('sha256').update(sorted).digest('hex');
}
