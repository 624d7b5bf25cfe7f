import { mkdir, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { JobOutcome } from '../src/contract.js';
import type { JobFolders } from '../src/storage/job-folders.js';
import { findResult } from './result-file.js';

/** The folders of one run, and its number. */
export interface Attempt {
  readonly attempt: number;
  readonly outDir: string;
  readonly checkpointDir: string;
}

/**
 * Takes the next attempt number of a job by making its folder, which only one process can: two workers that both believe
 * to hold a job (one lost its connection) never write to one folder. Numbers grow, from `first` on.
 */
export async function claimAttempt(folders: JobFolders, jobId: string, first: number): Promise<Attempt> {
  const checkpointDir = folders.checkpointDir(jobId);
  await mkdir(checkpointDir, { recursive: true });
  await mkdir(dirname(folders.attemptDir(jobId, first)), { recursive: true });
  let attempt = Math.max(first, 1 + Math.max(0, ...(await attemptsOf(folders, jobId))));
  for (;;) {
    const outDir = folders.attemptDir(jobId, attempt);
    try {
      await mkdir(outDir);
      return { attempt, outDir, checkpointDir };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      attempt += 1;
    }
  }
}

/** The result of an earlier attempt that was finished but could not be reported: the worker or Redis went away. */
export async function findFinishedAttempt(
  folders: JobFolders,
  jobId: string,
): Promise<{ attempt: number; outcome: JobOutcome } | undefined> {
  for (const attempt of (await attemptsOf(folders, jobId)).sort((a, b) => b - a)) {
    const outcome = await findResult(folders.attemptDir(jobId, attempt));
    if (outcome !== undefined) return { attempt, outcome };
  }
  return undefined;
}

async function attemptsOf(folders: JobFolders, jobId: string): Promise<number[]> {
  try {
    const names = await readdir(dirname(folders.attemptDir(jobId, 1)));
    return names.map(Number).filter(Number.isInteger);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
