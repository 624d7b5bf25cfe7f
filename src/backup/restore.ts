import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD, RECORD_ID } from '../data-dir.js';
import { leaveOneFile, openSqlite } from '../jobs/sqlite.js';
import { bringTree } from './copy-tree.js';
import { namedFiles } from './stored-files.js';

/**
 * Makes a DATA_DIR of a backup; the service is started on it afterwards. Files are copied (cloned where the file system can),
 * and held against what the record says of them. The record comes last: a restore that was broken off has none.
 * @throws Error when `dataDir` is not empty, when the backup is none, or when a file of it is missing or has another size
 */
export async function restore(
  from: string,
  dataDir: string,
): Promise<{ readonly files: number; readonly sizeBytes: number }> {
  // A file system of its own, freshly made, has that.
  const there = (await namesIn(dataDir)).filter((name) => name !== 'lost+found');
  if (there.length > 0)
    throw new Error(`DATA_DIR ${dataDir} is not empty (${there[0]}): a backup is restored to a new folder`);
  if (!(await namesIn(from)).includes(RECORD)) throw new Error(`${from} has no ${RECORD}: it is no backup`);
  await mkdir(dataDir, { recursive: true });
  const record = join(dataDir, `${RECORD}.partial`);
  await copyFile(join(from, RECORD), record);
  const { db, close } = await openSqlite(record);
  let files = 0;
  let sizeBytes = 0;
  try {
    const done = new Set<string>();
    for (const { path, sizeBytes: expected } of await namedFiles(db)) {
      if (done.has(path)) continue;
      done.add(path);
      const found = await bringTree(join(from, path), join(dataDir, path), clone);
      if (found !== expected) throw new Error(`${join(from, path)} has ${found} bytes; the record says ${expected}`);
      files += 1;
      sizeBytes += found;
    }
    await leaveOneFile(db);
  } finally {
    await close();
    await rm(`${record}.lock`, { force: true });
  }
  await copyFile(join(from, RECORD_ID), join(dataDir, RECORD_ID));
  await rename(record, join(dataDir, RECORD));
  return { files, sizeBytes };
}

const clone = (from: string, to: string): Promise<void> => copyFile(from, to, constants.COPYFILE_FICLONE);

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
