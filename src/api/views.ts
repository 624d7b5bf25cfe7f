/** Records as the wire shows them. */
import type { JobSummary, WrittenJob } from '../jobs/job.js';
import type { StoredArtifact } from '../jobs/job-store.js';
import type { Upload } from '../jobs/upload.js';

export function modelView({ id, blob, sizeBytes, createdAt, inspection: i }: Upload<'model'>) {
  return {
    id,
    format: i.format,
    name: i.name || blob.name,
    sha256: blob.sha256,
    size_bytes: sizeBytes,
    inputs: i.inputs,
    outputs: i.outputs,
    parameters: i.parameters,
    macs: i.macs,
    warnings: i.warnings,
    created_at: createdAt,
  };
}

export function datasetView({ id, blob, sizeBytes, createdAt, inspection: i }: Upload<'dataset'>) {
  return {
    id,
    kind: i.kind,
    name: blob.name,
    sha256: blob.sha256,
    size_bytes: sizeBytes,
    samples: i.samples,
    input_shape: i.input_shape,
    dtype: i.dtype,
    label_kind: i.label_kind,
    num_classes: i.num_classes,
    ...(i.label_shape === undefined ? {} : { label_shape: i.label_shape }),
    ...(i.label_outputs === undefined ? {} : { label_outputs: i.label_outputs }),
    ...(i.classes === undefined ? {} : { classes: i.classes }),
    warnings: i.warnings,
    created_at: createdAt,
  };
}

/** Longer ones are bytes, which all who are sent them share. */
const LONGEST_STRING = 64 * 1024;

const texts = new WeakMap<WrittenJob, string | Buffer>();

/** A job as JSON. Records never change, so one that is asked for again and again is written once. */
export function jobText(written: WrittenJob): string | Buffer {
  const known = texts.get(written);
  if (known !== undefined) return known;
  const { job, config, result } = written;
  const head = JSON.stringify({ ...jobSummaryView(job), warnings: job.warnings }).slice(0, -1);
  const parts = [head, ',"config":', config, ',"result":', result ?? 'null', '}'];
  const bytes = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const text = bytes.length > LONGEST_STRING ? bytes : bytes.toString();
  texts.set(written, text);
  return text;
}

/** A job as lists have it. */
export function jobSummaryView(job: JobSummary) {
  const self = `/jobs/${job.id}`;
  return {
    id: job.id,
    status: job.status,
    phase: job.phase,
    progress: job.progress,
    model: job.model,
    dataset: job.dataset,
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    warnings: job.warnings.map(({ code }) => ({ code })),
    error: job.error,
    links: {
      self,
      events: `${self}/events`,
      model: `${self}/model`,
      report: `${self}/report`,
      artifacts: `${self}/artifacts`,
    },
  };
}

export function artifactView(jobId: string, { name, content_type, size_bytes, sha256 }: StoredArtifact) {
  return { name, content_type, size_bytes, sha256, url: `/jobs/${jobId}/artifacts/${encodeURIComponent(name)}` };
}
