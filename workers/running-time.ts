import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TIME_FILE } from '../src/storage/job-folders.js';

/** A worker that dies without a word takes this much of its job's time with it. */
const EVERY_MS = 5000;

/** The clock of a job over all of its runs; it is kept beside the checkpoints, so that it outlives workers. */
export interface RunningTime {
  /** What earlier runs took. */
  readonly spentMs: number;
  /** This run is over. Resolves when its time has been added. */
  stop(): Promise<void>;
}

/** Starts the clock for one more run. `onError` hears when its time can't be written down. */
export async function startRunningTime(
  checkpointDir: string,
  attempt: number,
  onError: (error: Error) => void,
): Promise<RunningTime> {
  const path = join(checkpointDir, TIME_FILE);
  const spentMs = await readSpent(path);
  const startedAt = performance.now();
  const write = async (): Promise<void> => {
    const temporary = `${path}.${attempt}.tmp`;
    await writeFile(temporary, String(Math.round(spentMs + performance.now() - startedAt)));
    await rename(temporary, path);
  };
  let writing = Promise.resolve();
  const writeNext = (): Promise<void> => {
    writing = writing.then(write).catch(onError);
    return writing;
  };
  const timer = setInterval(() => void writeNext(), EVERY_MS);
  return {
    spentMs,
    stop: () => {
      clearInterval(timer);
      return writeNext();
    },
  };
}

async function readSpent(path: string): Promise<number> {
  try {
    return Number(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
