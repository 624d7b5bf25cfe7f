import type { Kysely } from 'kysely';
import type { Tables } from '../jobs/sqlite.js';

/** A file or a folder that a record names, below DATA_DIR, and the row that names it. */
export interface NamedFile {
  readonly path: string;
  readonly table: 'uploads' | 'jobs';
  readonly id: string;
  /** Of all its files together. */
  readonly sizeBytes: number;
}

/** Everything that a record names: uploads, and artifacts of jobs. Checkpoints are not named. */
export async function namedFiles(db: Kysely<Tables>): Promise<NamedFile[]> {
  const uploads = await db.selectFrom('uploads').select(['id', 'blob', 'size_bytes']).execute();
  const artifacts = await db.selectFrom('artifacts').select(['job_id', 'attempt', 'name', 'size_bytes']).execute();
  return [
    ...uploads.map(({ id, blob, size_bytes }): NamedFile => {
      return { path: `blobs/${blob.slice(0, 2)}/${blob}`, table: 'uploads', id, sizeBytes: size_bytes };
    }),
    ...artifacts.map(({ job_id, attempt, name, size_bytes }): NamedFile => {
      return { path: `jobs/${job_id}/attempts/${attempt}/${name}`, table: 'jobs', id: job_id, sizeBytes: size_bytes };
    }),
  ];
}
