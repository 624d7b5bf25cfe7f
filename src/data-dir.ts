/** DATA_DIR: the record and the files that it names, opened as one. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheJobs } from './jobs/cached-job-store.js';
import type { JobStore } from './jobs/job-store.js';
import type { Log } from './jobs/log.js';
import { openSqliteJobStore } from './jobs/sql-job-store.js';
import { makePrivateFolder } from './private-files.js';
import type { BlobStore } from './storage/blob-store.js';
import { type DiskSpace, openDiskSpace } from './storage/disk-space.js';
import { openFileBlobStore, removeUnfinishedUploads } from './storage/file-blob-store.js';
import { emptyQuarantine, holdsFiles, setFilesAside, sweepUnrecorded } from './storage/sweep.js';

/** The record, as a file of DATA_DIR. */
export const RECORD = 'record.db';

/** Names the record that the files belong to: one that was put in its place is found out. */
export const RECORD_ID = 'record.id';

/** Younger files may be of a process that is at it. */
const SETTLED_MS = 3_600_000;

/** What to do with files that a strange record doesn't name: `adopt` leaves them where they are, `quarantine` moves them. */
export type Unnamed = 'refuse' | 'adopt' | 'quarantine';

export interface DataDirOptions {
  readonly unnamed: Unnamed;
  /** After so long in quarantine files are deleted. */
  readonly quarantineMs: number;
}

export interface DataDir {
  readonly store: JobStore;
  readonly blobs: BlobStore;
  readonly disk: DiskSpace;
}

/**
 * Opens the record and the files, and moves files that the record doesn't name out of the way, for some days.
 * @throws Error naming the folder: it can't be used, another service has it, or it holds files and the record is new or another.
 */
export async function openDataDir(dataDir: string, options: DataDirOptions, log: Log): Promise<DataDir> {
  let store: JobStore | undefined;
  try {
    await makePrivateFolder(dataDir);
    store = await openSqliteJobStore(join(dataDir, RECORD), {
      onNew: async () => {
        if (options.unnamed === 'refuse' && (await holdsFiles(dataDir))) throw stranger('is new');
      },
      onUnfit: async ({ says, files }) => {
        if (options.unnamed === 'refuse') throw unfit(says, files);
        const to = await setFilesAside(dataDir, files);
        log.warn({ to }, `${RECORD} ${says}: what stood in the way is in quarantine`);
      },
      onDamaged: (err) => log.error({ err }, err.message),
    });
    await settleOwnership(dataDir, store, options.unnamed);
    await removeUnfinishedUploads(dataDir, store.isBlobUsed);
    await sweep(dataDir, store, options, log);
    const [blobs, disk] = [await openFileBlobStore(dataDir), await openDiskSpace(dataDir)];
    return { store: cacheJobs(store), blobs, disk };
  } catch (cause) {
    await store?.close();
    throw new Error(`DATA_DIR ${dataDir} can not be used: ${(cause as Error).message}`, { cause });
  }
}

async function settleOwnership(dataDir: string, store: JobStore, unnamed: Unnamed): Promise<void> {
  const path = join(dataDir, RECORD_ID);
  const owner = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  // Empty: a start was cut off while it wrote it.
  const isStrange = owner?.trim() && owner.trim() !== store.recordId && (await holdsFiles(dataDir));
  if (isStrange && unnamed === 'refuse') throw stranger('is not the one that they belong to');
  if (unnamed === 'adopt') await store.adoptFiles(new Date().toISOString());
  if (owner?.trim() !== store.recordId) await writeFile(path, `${store.recordId}\n`, { flush: true });
}

function stranger(what: string): Error {
  return new Error(
    `there are models or results, and ${RECORD} ${what}: put the right one back (with its -wal file, or from a backup), ` +
      'or start once with --quarantine, which moves the files that it does not name to quarantine/, or with --adopt, which leaves them where they are',
  );
}

function unfit(says: string, files: readonly string[]): Error {
  return new Error(
    `${RECORD} ${says}: put the right one back (with its -wal file; one from a backup has none), or start once with ` +
      `--quarantine or --adopt, which move ${files.map((file) => basename(file)).join(', ')} to quarantine/ first`,
  );
}

async function sweep(dataDir: string, store: JobStore, { unnamed, quarantineMs }: DataDirOptions, log: Log) {
  const { moved, to } = await sweepUnrecorded(dataDir, {
    recorded: { blob: store.isBlobUsed, job: store.hasJob },
    olderThanMs: unnamed === 'quarantine' ? 0 : SETTLED_MS,
    keptUntilMs: store.adoptedAt === null ? -Infinity : Date.parse(store.adoptedAt),
  });
  if (moved > 0) log.warn({ moved, to, days: quarantineMs / 86_400_000 }, 'moved files that no record names');
  const deleted = await emptyQuarantine(dataDir, quarantineMs);
  if (deleted.length > 0) log.info({ deleted }, 'deleted what was in quarantine');
}
