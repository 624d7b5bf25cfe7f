import { access, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Kysely } from 'kysely';
import { RECORD, RECORD_ID } from '../data-dir.js';
import { missingInput } from '../jobs/job.js';
import { findRecord } from '../jobs/record-files.js';
import { copySqlite, leaveOneFile, openSqlite, type Tables } from '../jobs/sqlite.js';
import { bringTree, linkOrCopy } from './copy-tree.js';
import { type NamedFile, namedFiles } from './stored-files.js';

export interface BackupReport {
  readonly files: number;
  readonly sizeBytes: number;
  /** What was deleted while it was at it, or is missing in DATA_DIR: it is not in the backup's record either. */
  readonly left: readonly string[];
}

/**
 * Writes the record as it is now, and every file that it names, to a new folder; the service may run meanwhile. On the same
 * file system files are linked. Checkpoints are left out: a job that has not finished starts anew when it is restored.
 * @throws Error when `to` exists, or `dataDir` has no record
 */
export async function backUp(dataDir: string, to: string): Promise<BackupReport> {
  if (await exists(to)) throw new Error(`${to} exists: a backup is written to a new folder`);
  const { isNew, fault } = await findRecord(join(dataDir, RECORD));
  if (fault !== undefined) throw new Error(`DATA_DIR ${dataDir}: ${RECORD} ${fault.says}`);
  if (isNew) throw new Error(`DATA_DIR ${dataDir} has no ${RECORD}, or an empty one: there is nothing to back up`);
  // Whole or not there: the name comes last.
  const partial = `${to}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  copySqlite(join(dataDir, RECORD), join(partial, RECORD));
  const report = await bringFiles(dataDir, partial);
  await mkdir(dirname(to), { recursive: true });
  await rename(partial, to);
  return report;
}

async function bringFiles(dataDir: string, to: string): Promise<BackupReport> {
  const { db, close } = await openSqlite(join(to, RECORD));
  const left: string[] = [];
  let files = 0;
  let sizeBytes = 0;
  try {
    const { id } = await db.selectFrom('record').select('id').executeTakeFirstOrThrow();
    await writeFile(join(to, RECORD_ID), `${id}\n`);
    const gone = async ({ path, table, id }: NamedFile) => {
      left.push(path);
      if (table === 'uploads') await failUnfinished(db, id);
      await db.deleteFrom(table).where('id', '=', id).execute();
    };
    for (const file of await namedFiles(db)) {
      try {
        // Two uploads may name one blob.
        if (await exists(join(to, file.path))) continue;
        sizeBytes += await bringTree(join(dataDir, file.path), join(to, file.path), linkOrCopy);
        files += 1;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        await gone(file);
      }
    }
    await leaveOneFile(db);
  } finally {
    await close();
    await rm(join(to, `${RECORD}.lock`), { force: true });
  }
  return { files, sizeBytes: sizeBytes + (await stat(join(to, RECORD))).size, left };
}

/** They ended while the backup was written, or their upload could not have been deleted. */
async function failUnfinished(db: Kysely<Tables>, uploadId: string): Promise<void> {
  const jobs = await db
    .selectFrom('jobs')
    .select('id')
    .where('status', 'in', ['queued', 'running'])
    .where((of) => of.or([of('model_id', '=', uploadId), of('dataset_id', '=', uploadId)]))
    .execute();
  for (const { id } of jobs) {
    const error = JSON.stringify(missingInput(id, uploadId));
    const end = { status: 'failed', finished_at: new Date().toISOString(), error };
    await db.updateTable('jobs').set(end).where('id', '=', id).execute();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
