/** The SQLite database of the record: tables, migrations, opening. */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Generated, Kysely, type Migration, Migrator, sql } from 'kysely';
import Database from 'libsql';
import { isDiskFull } from '../errors.js';
import { endSession, findRecord, forgetSession, nameSession, type RecordFault } from './record-files.js';
import { SqliteThread, threadDialect } from './threaded-sqlite.js';

export interface Tables {
  uploads: {
    id: string;
    kind: string;
    blob: string;
    sha256: string;
    file_name: string;
    size_bytes: number;
    created_at: string;
    /** JSON */
    inspection: string;
    /** JSON; of models only. */
    units: string | null;
  };
  jobs: {
    id: string;
    status: string;
    phase: string | null;
    progress: number;
    model_id: string;
    dataset_id: string | null;
    attempt: number;
    cancel_requested: number;
    created_at: string;
    started_at: string | null;
    finished_at: string | null;
    /** JSON */
    error: string | null;
    request_id: string | null;
    /** JSON */
    warnings: string;
  };
  /** What may be long of each job: lists, waits and reports don't come across it. */
  job_texts: {
    job_id: string;
    /** JSON */
    config: string;
    /** JSON */
    result: string | null;
  };
  artifacts: {
    position: Generated<number>;
    job_id: string;
    attempt: number;
    name: string;
    content_type: string;
    size_bytes: number;
    sha256: string;
  };
  idempotency: { key: string; request_sha256: string; job_id: string };
  /** One row. */
  record: { id: string; adopted_at: string | null };
}

/** Applied in order of their names, each once. Never change one that was released: add another. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001_start': {
    async up(db) {
      await sql`create table uploads (
        id text primary key, kind text not null, blob text not null, sha256 text not null, file_name text not null,
        size_bytes integer not null, created_at text not null, inspection text not null, units text,
        unique (kind, sha256)
      )`.execute(db);
      await sql`create index uploads_by_blob on uploads (blob)`.execute(db);
      await sql`create table jobs (
        id text primary key, status text not null, phase text, progress real not null, model_id text not null,
        dataset_id text, config text not null, attempt integer not null, cancel_requested integer not null,
        created_at text not null, started_at text, finished_at text, warnings text not null, error text, result text,
        request_id text
      )`.execute(db);
      await sql`create index jobs_by_status on jobs (status, id)`.execute(db);
      await sql`create table artifacts (
        position integer primary key, job_id text not null references jobs (id) on delete cascade,
        attempt integer not null, name text not null, content_type text not null, size_bytes integer not null,
        sha256 text not null, unique (job_id, name)
      )`.execute(db);
      await sql`create table idempotency (
        key text primary key, request_sha256 text not null,
        job_id text not null references jobs (id) on delete cascade
      )`.execute(db);
      await sql`create index idempotency_by_job on idempotency (job_id)`.execute(db);
    },
  },
  '0002_identity': {
    async up(db) {
      await sql`create table record (id text primary key, adopted_at text)`.execute(db);
      await sql`insert into record values (${randomUUID()}, null)`.execute(db);
    },
  },
  '0003_job_texts': {
    async up(db) {
      await sql`create table job_texts (
        job_id text primary key references jobs (id) on delete cascade, config text not null, result text
      )`.execute(db);
      await sql`insert into job_texts select id, config, result from jobs`.execute(db);
      await sql`alter table jobs drop column config`.execute(db);
      await sql`alter table jobs drop column result`.execute(db);
      // The longest column last: SQLite goes through all that stand before the one that it reads.
      await sql`alter table jobs rename column warnings to warnings_before`.execute(db);
      await sql`alter table jobs add column warnings text not null default '[]'`.execute(db);
      await sql`update jobs set warnings = warnings_before`.execute(db);
      await sql`alter table jobs drop column warnings_before`.execute(db);
    },
  },
};

export interface OpenDatabase {
  readonly db: Kysely<Tables>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Called before anything is made in a database that is new or empty. What it throws, opening throws. */
  readonly onNew?: () => Promise<void>;
  /** Called where opening the files as they are would lose or mix up what they hold. It moves them out of the way, or throws. */
  readonly onUnfit?: (fault: RecordFault) => Promise<void>;
}

/** What an answer promised must outlive a power cut: each commit is fsynced. */
const PRAGMAS = ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON'];

/**
 * Opens the database file, making it and bringing it up to date as need be. The file is this process's alone: two
 * services on one record would run every job twice.
 * @throws Error when another process has it, or when it was written by a newer version; then nothing has been touched.
 */
export async function openSqlite(path: string, options: OpenOptions = {}): Promise<OpenDatabase> {
  await mkdir(dirname(path), { recursive: true });
  const release = lock(path);
  try {
    const { db, close } = await openLocked(path, options);
    const closeAndRelease = async () => {
      await close();
      release();
    };
    return { db, close: closeAndRelease };
  } catch (error) {
    release();
    throw error;
  }
}

async function openLocked(path: string, { onNew, onUnfit = refuse(path) }: OpenOptions): Promise<OpenDatabase> {
  const { isNew, lostWal, fault } = await findRecord(path);
  if (isNew) await onNew?.();
  if (fault !== undefined) await onUnfit(fault);
  const thread = await SqliteThread.open(path, PRAGMAS);
  const db = new Kysely<Tables>({ dialect: threadDialect(thread) });
  try {
    if (!isNew && (await isEmpty(db, lostWal))) await onNew?.();
    const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
    const { error } = await migrator.migrateToLatest();
    if (error) throw error;
    await startSession(path, db);
  } catch (error) {
    await leaveOneFile(db);
    await db.destroy();
    throw error;
  }
  const close = async () => {
    // So that the file alone is the whole record, for who copies it.
    await writeBack(db);
    await endSession(path);
    await db.destroy();
  };
  return { db, close };
}

function refuse(path: string): (fault: RecordFault) => Promise<void> {
  return async ({ says }) => {
    throw new Error(`${path} ${says}`);
  };
}

/** Whether nothing was made in it yet; or, where its WAL was lost, whether it has no entry. */
async function isEmpty(db: Kysely<Tables>, lostWal: boolean): Promise<boolean> {
  const tables = await sql`select 1 from sqlite_master limit 1`.execute(db);
  if (tables.rows.length === 0 || !lostWal) return tables.rows.length === 0;
  const { rows } = await sql`select 1 from uploads union all select 1 from jobs limit 1`.execute(db);
  return rows.length === 0;
}

/** Gives the file a number of its own, by which another one that is put beside the WAL is found out (record-files.ts). */
async function startSession(path: string, db: Kysely<Tables>): Promise<void> {
  const number = randomInt(1, 2 ** 31);
  await writeBack(db);
  await forgetSession(path);
  try {
    await sql`pragma user_version = ${sql.raw(`${number}`)}`.execute(db);
    await writeBack(db);
    await nameSession(path, number);
  } catch (error) {
    // Without a number any file counts as the right one.
    if (!isDiskFull(error)) throw error;
  }
}

async function writeBack(db: Kysely<Tables>): Promise<void> {
  await sql`pragma wal_checkpoint(truncate)`.execute(db);
}

/** Takes the WAL away once it is written back, for a database that is to be closed. A reader prevents it: then it stays, empty. */
export async function leaveOneFile(db: Kysely<Tables>): Promise<void> {
  await sql`pragma journal_mode = delete`.execute(db).catch(() => {});
}

/** A process that copies a database waits so long for one that writes it. */
const BUSY_MS = 30_000;

/** Copies a database to a new file: as one transaction sees it, with what is still in its WAL, whoever writes it meanwhile. */
export function copySqlite(from: string, to: string): void {
  const database = new Database(from, { timeout: BUSY_MS });
  try {
    database.prepare('vacuum into ?').run(to);
  } finally {
    database.close();
  }
}

/**
 * A transaction that stays open on a file of its own: a lock that the system lifts when the process dies, however it
 * dies. (Not `locking_mode = EXCLUSIVE` on the record itself: libsql keeps that lock after close, until its statements
 * are garbage.)
 */
function lock(path: string): () => void {
  const guard = new Database(`${path}.lock`);
  try {
    guard.exec('begin exclusive');
  } catch (cause) {
    guard.close();
    if ((cause as { code?: string }).code !== 'SQLITE_BUSY') throw cause;
    throw new Error(`${path} is in use: another Espalier service runs on this DATA_DIR`, { cause });
  }
  return () => {
    guard.exec('rollback');
    guard.close();
  };
}
