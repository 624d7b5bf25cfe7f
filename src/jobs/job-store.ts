import type { Artifact } from '../contract.js';
import type { UnitsTemplate } from '../prune-config/index.js';
import type { Job, JobChange, JobState, JobStatus, JobSummary, WrittenJob } from './job.js';
import type { NewUpload, Upload, UploadKind } from './upload.js';

/** One page, newest first; shorter than `limit` where its entries are long. `cursor` is what the page before gave as `nextCursor`. */
export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}

export interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/** A key that a client chose for a request, with a hash of what it asked for. */
export interface Idempotency {
  readonly key: string;
  readonly requestSha256: string;
}

export interface StoredArtifact extends Artifact {
  /** The attempt whose folder it lies in. */
  readonly attempt: number;
}

/** The record of truth. What a resolved call wrote is there after a crash. Only API processes have one. */
export interface JobStore {
  /** Made with the record, and never another: what marks things outside of it as this record's. */
  readonly recordId: string;
  /** Files that are not younger than this belong here, named or not. */
  readonly adoptedAt: string | null;
  /** Rows that lists have left out since they can't be read. Asked for by name, each is RECORD_DAMAGED. */
  damagedRows(): number;
  adoptFiles(now: string): Promise<void>;
  /** Adds it, or gives the one of the same kind and bytes that is there already. */
  addUpload<K extends UploadKind>(upload: NewUpload<K>): Promise<{ upload: Upload<K>; created: boolean }>;
  findUpload<K extends UploadKind>(kind: K, id: string): Promise<Upload<K> | undefined>;
  findUploadBySha256<K extends UploadKind>(kind: K, sha256: string): Promise<Upload<K> | undefined>;
  findUnits(modelId: string): Promise<UnitsTemplate | undefined>;
  listUploads<K extends UploadKind>(kind: K, page: PageQuery): Promise<Page<Upload<K>>>;
  /**
   * Removes the record. `blobUnused`: no other upload has these bytes.
   * @throws EspalierError NOT_FOUND; RESOURCE_IN_USE while an unfinished job needs it.
   */
  removeUpload(kind: UploadKind, id: string): Promise<{ upload: Upload; blobUnused: boolean }>;
  isBlobUsed(blob: string): Promise<boolean>;

  /** The job that this key made. @throws EspalierError IDEMPOTENCY_CONFLICT when it came with another request */
  findRepeated(idempotency: Idempotency): Promise<Job | undefined>;
  /**
   * Adds a job, or gives the job that the same idempotency key made before.
   * @throws EspalierError NOT_FOUND when an upload that it names is gone; IDEMPOTENCY_CONFLICT when the key came with another request;
   *   QUEUE_FULL when `mostQueued` jobs wait already, or their configs are too long together.
   */
  addJob(job: Job, idempotency?: Idempotency, mostQueued?: number): Promise<{ job: Job; created: boolean }>;
  findJob(id: string): Promise<Job | undefined>;
  /** @throws EspalierError RECORD_DAMAGED */
  findWrittenJob(id: string): Promise<WrittenJob | undefined>;
  /** Reads nothing that may be long. */
  findState(id: string): Promise<JobState | undefined>;
  /** Whether there is a record of it, damaged or not. */
  hasJob(id: string): Promise<boolean>;
  listJobs(page: PageQuery & { readonly status?: JobStatus }): Promise<Page<JobSummary>>;
  /** Ids of queued and running jobs, oldest first. */
  unfinishedJobs(): Promise<string[]>;
  /**
   * Reads, changes and writes in one transaction. Gives what `change` gave; undefined when that was nothing or there is no
   * such job.
   */
  updateJob(
    id: string,
    change: (job: JobSummary) => JobChange | undefined,
    mostQueued?: number,
  ): Promise<JobChange['job'] | undefined>;
  /** Removes a job and its idempotency keys. @throws EspalierError NOT_FOUND; JOB_NOT_FINISHED */
  removeJob(id: string): Promise<void>;
  artifacts(jobId: string): Promise<StoredArtifact[]>;
  close(): Promise<void>;
}
