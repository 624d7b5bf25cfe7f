/**
 * Where jobs write: `jobs/JOB/checkpoints` survives attempts, `jobs/JOB/attempts/N` holds the artifacts of one run.
 * Workers write there, the API reads what the record lists.
 */
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { EspalierError } from '../errors.js';
import { setJobAside } from './sweep.js';

export interface ByteRange {
  readonly start: number;
  /** Inclusive, as in HTTP. */
  readonly end: number;
}

/** Beside the checkpoints: what a job took so far, and how often it was started in vain. */
export const TIME_FILE = 'running-time';
export const STARTS_FILE = 'starts.json';

/** The last write of an attempt. */
export const RESULT_FILE = 'result.json';

export interface JobFolders {
  checkpointDir(jobId: string): string;
  attemptDir(jobId: string, attempt: number): string;
  /** @throws EspalierError NOT_FOUND when the file is gone. */
  openArtifact(jobId: string, attempt: number, name: string, range?: ByteRange): Promise<Readable>;
  /** Once a job is finished: its checkpoints, unless it may be retried, and the folders of other attempts go. */
  removeAllBut(jobId: string, attempt: number, options?: { keepCheckpoints: boolean }): Promise<void>;
  /** Before a finished job is run again: what it took, its starts and its results count no more; its checkpoints stay. */
  startAfresh(jobId: string): Promise<void>;
  /** Removes everything that the job wrote. */
  remove(jobId: string): Promise<void>;
  /** Moves it to quarantine, from where it is deleted days later. */
  setAside(jobId: string): Promise<void>;
}

const JOB_ID = /^job_[0-9A-Z]{26}$/;

export function jobFolders(dataDir: string): JobFolders {
  const root = (jobId: string): string => {
    if (!JOB_ID.test(jobId)) throw new EspalierError('NOT_FOUND', `"${jobId}" is no job id`);
    return join(dataDir, 'jobs', jobId);
  };
  const checkpointDir = (jobId: string) => join(root(jobId), 'checkpoints');
  const attemptDir = (jobId: string, attempt: number) => join(root(jobId), 'attempts', String(attempt));

  return {
    checkpointDir,
    attemptDir,
    openArtifact: async (jobId, attempt, name, range) => {
      if (name.includes('/') || name.includes('\\') || name === '..') {
        throw new EspalierError('NOT_FOUND', `"${name}" is no artifact`);
      }
      const handle = await open(join(attemptDir(jobId, attempt), name), 'r').catch((cause: NodeJS.ErrnoException) => {
        if (cause.code !== 'ENOENT') throw cause;
        throw new EspalierError('NOT_FOUND', `artifact "${name}" of ${jobId} is gone`, { cause });
      });
      return handle.createReadStream(range);
    },
    removeAllBut: async (jobId, attempt, { keepCheckpoints } = { keepCheckpoints: false }) => {
      if (!keepCheckpoints) await rm(checkpointDir(jobId), { recursive: true, force: true });
      const attempts = join(root(jobId), 'attempts');
      const found = await namesIn(attempts);
      const others = found.filter((name) => name !== String(attempt));
      await Promise.all(others.map((name) => rm(join(attempts, name), { recursive: true, force: true })));
    },
    startAfresh: async (jobId) => {
      for (const name of [TIME_FILE, STARTS_FILE]) await rm(join(checkpointDir(jobId), name), { force: true });
      const attempts = join(root(jobId), 'attempts');
      for (const name of await namesIn(attempts)) await rm(join(attempts, name, RESULT_FILE), { force: true });
    },
    setAside: async (jobId) => {
      root(jobId);
      await setJobAside(dataDir, jobId);
    },
    remove: async (jobId) => rm(root(jobId), { recursive: true, force: true }),
  };
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
