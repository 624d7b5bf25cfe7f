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

export interface JobFolders {
  checkpointDir(jobId: string): string;
  attemptDir(jobId: string, attempt: number): string;
  /** @throws EspalierError NOT_FOUND when the file is gone. */
  openArtifact(jobId: string, attempt: number, name: string, range?: ByteRange): Promise<Readable>;
  /** Once a job is finished: its checkpoints and the folders of other attempts go. */
  removeAllBut(jobId: string, attempt: number): Promise<void>;
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
      const handle = await open(join(attemptDir(jobId, attempt), name), 'r').catch((cause) => {
        throw new EspalierError('NOT_FOUND', `artifact "${name}" of ${jobId} is gone`, { cause });
      });
      return handle.createReadStream(range);
    },
    removeAllBut: async (jobId, attempt) => {
      await rm(checkpointDir(jobId), { recursive: true, force: true });
      const attempts = join(root(jobId), 'attempts');
      const found = await readdir(attempts).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
      const others = found.filter((name) => name !== String(attempt));
      await Promise.all(others.map((name) => rm(join(attempts, name), { recursive: true, force: true })));
    },
    setAside: async (jobId) => {
      root(jobId);
      await setJobAside(dataDir, jobId);
    },
    remove: async (jobId) => rm(root(jobId), { recursive: true, force: true }),
  };
}
