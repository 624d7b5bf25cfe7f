import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What the record names. */
export interface Recorded {
  blob(blob: string): Promise<boolean>;
  job(jobId: string): Promise<boolean>;
}

/** Younger ones may be of a process that is at it. */
const OLD_MS = 3_600_000;

const BLOB = /^[0-9a-f]{64}$/;
const JOB = /^job_[0-9A-Z]{26}$/;

/**
 * Removes blobs and folders of jobs that no record names and that are older than an hour: a process was killed between
 * taking something out of the record and taking away its files. What isn't named like one is left alone.
 * @returns the paths that were removed
 */
export async function sweepUnrecorded(folder: string, recorded: Recorded, now = Date.now()): Promise<string[]> {
  const removed: string[] = [];
  const sweep = async (parent: string, pattern: RegExp, isRecorded: (name: string) => Promise<boolean>) => {
    for (const name of (await namesIn(parent)).filter((entry) => pattern.test(entry))) {
      const path = join(parent, name);
      if (now - (await stat(path)).mtimeMs < OLD_MS || (await isRecorded(name))) continue;
      await rm(path, { recursive: true });
      removed.push(path);
    }
  };
  const blobs = join(folder, 'blobs');
  for (const prefix of await namesIn(blobs)) await sweep(join(blobs, prefix), BLOB, recorded.blob);
  await sweep(join(folder, 'jobs'), JOB, recorded.job);
  return removed;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}
