/** The record in SQL, through Kysely. */
import { type Kysely, sql, type Transaction } from 'kysely';
import { EspalierError } from '../errors.js';
import type { UnitsTemplate } from '../prune-config/index.js';
import { isFinished, type Job, type JobStatus, type JobSummary } from './job.js';
import type { Idempotency, JobStore } from './job-store.js';
import { Recent } from './recent.js';
import {
  isDamage,
  jobRow,
  resultText,
  STATE_COLUMNS,
  textsRow,
  toJob,
  toState,
  toSummary,
  toUnits,
  toUpload,
  toWrittenJob,
  uploadRow,
} from './rows.js';
import { type OpenOptions, openSqlite, type Tables } from './sqlite.js';
import type { NewUpload, Upload, UploadKind } from './upload.js';

const UPLOAD_COLUMNS = ['id', 'kind', 'blob', 'sha256', 'file_name', 'size_bytes', 'created_at', 'inspection'] as const;

/** The texts of a job as bytes, and what of JSON they are; strings would be copied from thread to thread, and written anew. */
const WRITTEN_TEXTS = [
  sql<ArrayBuffer | null>`cast(config as blob)`.as('config'),
  sql<ArrayBuffer | null>`cast(result as blob)`.as('result'),
  sql<string | null>`case when json_valid(config) then json_type(config) end`.as('config_type'),
  sql<string | null>`case when json_valid(result) then json_type(result) end`.as('result_type'),
];

/** Text that one page of a list may hold, beyond its first entry: pages of long entries are short. */
const PAGE_CHARACTERS = 2 ** 20;

/** Units that are kept in memory, all models together, as JSON. */
const UNITS_CHARACTERS = 16 * 2 ** 20;

/** Configs of queued jobs, all together: the queue keeps them in memory. */
const QUEUED_CONFIG_BYTES = 64 * 2 ** 20;

const UNFINISHED: readonly JobStatus[] = ['queued', 'running'];
const NAMES: Readonly<Record<UploadKind, string>> = { model: 'model', dataset: 'data set' };

/** Opens the record in a SQLite file. */
export async function openSqliteJobStore(path: string, options: StoreOptions = {}): Promise<JobStore> {
  const { db, close } = await openSqlite(path, options);
  const record = await db.selectFrom('record').selectAll().executeTakeFirstOrThrow();
  return sqlJobStore(record, db, close, createDamage(options.onDamaged));
}

export interface StoreOptions extends OpenOptions {
  /** Hears of each damaged row, once. */
  readonly onDamaged?: (error: EspalierError) => void;
}

/** The damaged rows that were come across, each told once. */
function createDamage(onDamaged: (error: EspalierError) => void = () => {}) {
  const ids = new Set<string>();
  return {
    ids,
    skip: (error: EspalierError, id: string) => {
      if (ids.has(id)) return;
      ids.add(id);
      onDamaged(error);
    },
  };
}

function sqlJobStore(
  record: Tables['record'],
  db: Kysely<Tables>,
  close: () => Promise<void>,
  damage: ReturnType<typeof createDamage>,
): JobStore {
  let adoptedAt = record.adopted_at;
  const units = new Recent<{ template: UnitsTemplate; length: number }>(UNITS_CHARACTERS, ({ length }) => length);
  const find = async <K extends UploadKind>(kind: K, column: 'id' | 'sha256', value: string, on: Source = db) => {
    const query = on.selectFrom('uploads').select(UPLOAD_COLUMNS).where('kind', '=', kind).where(column, '=', value);
    const row = await query.executeTakeFirst();
    return row && (toUpload(row) as Upload<K>);
  };
  /** Reads a row; one that is damaged is told. */
  const read = <R extends { id: string }, T>(row: R | undefined, from: (row: R) => T): T | undefined => {
    try {
      return row && from(row);
    } catch (error) {
      if (isDamage(error)) damage.skip(error, row!.id);
      throw error;
    }
  };
  const findJob = async (id: string, on: Source = db): Promise<Job | undefined> => {
    const query = on.selectFrom('jobs').leftJoin('job_texts', 'job_id', 'id').selectAll('jobs').where('id', '=', id);
    return read(await query.select(['config', 'result']).executeTakeFirst(), toJob);
  };
  const findSummary = async (id: string, on: Source): Promise<JobSummary | undefined> =>
    read(await on.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst(), toSummary);

  const findRepeated = async ({ key, requestSha256 }: Idempotency, on: Source = db): Promise<Job | undefined> => {
    const used = await on.selectFrom('idempotency').selectAll().where('key', '=', key).executeTakeFirst();
    if (used && used.request_sha256 !== requestSha256) {
      throw new EspalierError('IDEMPOTENCY_CONFLICT', `the key was used for ${used.job_id}, another request`);
    }
    return used && findJob(used.job_id, on);
  };

  return {
    recordId: record.id,
    get adoptedAt() {
      return adoptedAt;
    },
    damagedRows: () => damage.ids.size,
    adoptFiles: async (now) => {
      await db.updateTable('record').set({ adopted_at: now }).execute();
      adoptedAt = now;
    },
    addUpload: <K extends UploadKind>(upload: NewUpload<K>) =>
      db.transaction().execute(async (tx) => {
        const there = await find(upload.kind, 'sha256', upload.blob.sha256, tx);
        if (there) return { upload: there, created: false };
        await tx.insertInto('uploads').values(uploadRow(upload)).execute();
        const { units, ...added } = upload;
        return { upload: added as unknown as Upload<K>, created: true };
      }),
    findUpload: (kind, id) => find(kind, 'id', id),
    findUploadBySha256: (kind, sha256) => find(kind, 'sha256', sha256),
    findUnits: async (id) => {
      const found = await units.read(id, async () => {
        const row = await db.selectFrom('uploads').select('units').where('id', '=', id).executeTakeFirst();
        return row?.units ? { template: toUnits({ id, units: row.units }), length: row.units.length } : undefined;
      });
      return found?.template;
    },
    listUploads: async <K extends UploadKind>(kind: K, { limit, cursor }: { limit: number; cursor?: string }) => {
      let query = db.selectFrom('uploads').where('kind', '=', kind);
      if (cursor) query = query.where('id', '<', cursor);
      const lengths = await query
        .select(['id', sql<number>`octet_length(inspection)`.as('length')])
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute();
      const { ids, nextCursor } = pageOf(lengths, limit);
      const rows = await db.selectFrom('uploads').select(UPLOAD_COLUMNS).where('id', 'in', ids).execute();
      return { data: readable(newestFirst(rows), (row) => toUpload(row) as Upload<K>, damage.skip), nextCursor };
    },
    removeUpload: (kind, id) =>
      db.transaction().execute(async (tx) => {
        const upload = await find(kind, 'id', id, tx);
        if (!upload) throw new EspalierError('NOT_FOUND', `there is no ${NAMES[kind]} ${id}`);
        const user = await tx
          .selectFrom('jobs')
          .select('id')
          .where('status', 'in', UNFINISHED)
          .where(kind === 'model' ? 'model_id' : 'dataset_id', '=', id)
          .executeTakeFirst();
        if (user) throw new EspalierError('RESOURCE_IN_USE', `${id} is in use by ${user.id}, which has not finished`);
        await tx.deleteFrom('uploads').where('id', '=', id).execute();
        units.drop(id);
        return { upload, blobUnused: !(await blobUsed(tx, upload.blob.blob)) };
      }),
    isBlobUsed: (blob) => blobUsed(db, blob),

    findRepeated: (idempotency) => findRepeated(idempotency),
    addJob: (job, idempotency, mostQueued) =>
      db.transaction().execute(async (tx) => {
        const before = idempotency && (await findRepeated(idempotency, tx));
        if (before) return { job: before, created: false };
        if (mostQueued !== undefined) await checkQueued(tx, mostQueued);
        for (const [kind, id] of [['model', job.model] as const, ['dataset', job.dataset] as const]) {
          const query = tx.selectFrom('uploads').select('id').where('kind', '=', kind);
          if (id !== null && !(await query.where('id', '=', id).executeTakeFirst())) {
            throw new EspalierError('NOT_FOUND', `there is no ${NAMES[kind]} ${id}`);
          }
        }
        await tx.insertInto('jobs').values(jobRow(job)).execute();
        await tx.insertInto('job_texts').values(textsRow(job)).execute();
        if (idempotency) {
          const row = { key: idempotency.key, request_sha256: idempotency.requestSha256, job_id: job.id };
          await tx.insertInto('idempotency').values(row).execute();
        }
        return { job, created: true };
      }),
    findJob: (id) => findJob(id),
    findWrittenJob: async (id) => {
      const query = db.selectFrom('jobs').leftJoin('job_texts', 'job_id', 'id').selectAll('jobs').where('id', '=', id);
      return read(await query.select(WRITTEN_TEXTS).executeTakeFirst(), toWrittenJob);
    },
    findState: async (id) =>
      read(await db.selectFrom('jobs').select(STATE_COLUMNS).where('id', '=', id).executeTakeFirst(), toState),
    hasJob: async (id) => {
      const row = await db.selectFrom('jobs').select('id').where('id', '=', id).executeTakeFirst();
      return row !== undefined;
    },
    listJobs: async ({ limit, cursor, status }) => {
      let query = db.selectFrom('jobs');
      if (status) query = query.where('status', '=', status);
      if (cursor) query = query.where('id', '<', cursor);
      const lengths = await query
        .select(['id', sql<number>`octet_length(warnings) + coalesce(octet_length(error), 0)`.as('length')])
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute();
      const { ids, nextCursor } = pageOf(lengths, limit);
      const rows = await db.selectFrom('jobs').selectAll().where('id', 'in', ids).execute();
      // What is damaged may be one of the columns that lists leave out.
      const whole = newestFirst(rows).filter(({ id }) => !damage.ids.has(id));
      return { data: readable(whole, toSummary, damage.skip), nextCursor };
    },
    unfinishedJobs: async () => {
      const query = db.selectFrom('jobs').select('id').where('status', 'in', UNFINISHED);
      return (await query.orderBy('id').execute()).map(({ id }) => id);
    },
    updateJob: (id, change, mostQueued) =>
      db.transaction().execute(async (tx) => {
        const job = await findSummary(id, tx);
        const changed = job && change(job);
        if (!changed) return undefined;
        const queues = changed.job.status === 'queued' && isFinished(job);
        if (queues && mostQueued !== undefined) await checkQueued(tx, mostQueued);
        const { id: _, ...row } = jobRow(changed.job);
        await tx.updateTable('jobs').set(row).where('id', '=', id).execute();
        if (changed.job.result !== undefined) {
          const result = resultText(changed.job.result);
          await tx.updateTable('job_texts').set({ result }).where('job_id', '=', id).execute();
        }
        if (changed.artifacts) await tx.deleteFrom('artifacts').where('job_id', '=', id).execute();
        for (const { name, content_type, size_bytes, sha256 } of changed.artifacts ?? []) {
          const values = { job_id: id, attempt: changed.job.attempt, name, content_type, size_bytes, sha256 };
          await tx.insertInto('artifacts').values(values).execute();
        }
        return changed.job;
      }),
    removeJob: (id) =>
      db.transaction().execute(async (tx) => {
        const job = await findSummary(id, tx);
        if (!job) throw new EspalierError('NOT_FOUND', `there is no job ${id}`);
        if (!isFinished(job)) {
          throw new EspalierError('JOB_NOT_FINISHED', `${id} is ${job.status}; cancel it first`);
        }
        await tx.deleteFrom('jobs').where('id', '=', id).execute();
      }),
    artifacts: (jobId) =>
      db
        .selectFrom('artifacts')
        .select(['name', 'content_type', 'size_bytes', 'sha256', 'attempt'])
        .where('job_id', '=', jobId)
        .orderBy('position')
        .execute(),
    close,
  };
}

type Source = Kysely<Tables> | Transaction<Tables>;

async function blobUsed(on: Source, blob: string): Promise<boolean> {
  const row = await on.selectFrom('uploads').select(sql`1`.as('one')).where('blob', '=', blob).executeTakeFirst();
  return row !== undefined;
}

/**
 * What of these rows one page holds: at most `limit`, and no more than {@link PAGE_CHARACTERS} beyond the first. `rows`
 * may be one more than `limit`: then there is a next page, which starts below the last row of this one.
 */
function pageOf(
  rows: readonly { readonly id: string; readonly length: number }[],
  limit: number,
): { ids: string[]; nextCursor: string | null } {
  const ids: string[] = [];
  let left = PAGE_CHARACTERS;
  for (const { id, length } of rows.slice(0, limit)) {
    left -= length;
    if (left < 0 && ids.length > 0) break;
    ids.push(id);
  }
  return { ids, nextCursor: rows.length > ids.length ? (ids.at(-1) ?? null) : null };
}

function newestFirst<R extends { id: string }>(rows: readonly R[]): R[] {
  return rows.toSorted((a, b) => (a.id < b.id ? 1 : -1));
}

/** @throws EspalierError QUEUE_FULL */
async function checkQueued(on: Source, mostQueued: number): Promise<void> {
  const { jobs, bytes } = await on
    .selectFrom('jobs')
    .leftJoin('job_texts', 'job_id', 'id')
    .select([sql<number>`count(*)`.as('jobs'), sql<number>`coalesce(sum(octet_length(config)), 0)`.as('bytes')])
    .where('status', '=', 'queued')
    .executeTakeFirstOrThrow();
  if (jobs < mostQueued && bytes < QUEUED_CONFIG_BYTES) return;
  const found = jobs < mostQueued ? `${jobs} jobs with ${bytes} bytes of configs` : `${jobs} jobs`;
  const most = jobs < mostQueued ? `${QUEUED_CONFIG_BYTES} bytes are` : `${mostQueued} are`;
  const detail = `${found} are queued, and at most ${most} taken; try again when some have run`;
  throw new EspalierError('QUEUE_FULL', detail, { retryable: true });
}

type Skip = (error: EspalierError, id: string) => void;

/** The rows that can be read: one that is damaged is told, and holds nobody else up. */
function readable<R extends { id: string }, T>(rows: readonly R[], read: (row: R) => T, skip: Skip): T[] {
  return rows.flatMap((row) => {
    try {
      return [read(row)];
    } catch (error) {
      if (!isDamage(error)) throw error;
      skip(error, row.id);
      return [];
    }
  });
}
