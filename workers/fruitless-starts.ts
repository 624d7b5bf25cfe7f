import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isShortage } from '../src/errors.js';
import { STARTS_FILE, TIME_FILE } from '../src/storage/job-folders.js';

/** A job is started so often without coming to a new checkpoint; then something in it kills its process. */
export const MAX_STARTS = 3;

/** What a job has to show for its starts. It lies beside the checkpoints, so that it outlives workers. */
interface Starts {
  readonly count: number;
  /** The checkpoints as they were then. */
  readonly checkpoints: string;
  /** The last lines of the last run that died. */
  readonly lastLines: readonly string[];
}

export interface FruitlessStarts {
  /** Earlier ones since the last new checkpoint. */
  readonly before: number;
  readonly lastLines: readonly string[];
  /** How many there were by now; one that came to a new checkpoint is the first again. */
  countNow(): Promise<number>;
  /** One more, from here on: whatever kills the process or the worker, it was counted. */
  begin(): Promise<void>;
  /** What it printed at last, for whoever gives up. */
  remember(lastLines: readonly string[]): Promise<void>;
}

export async function readStarts(checkpointDir: string): Promise<FruitlessStarts> {
  const path = join(checkpointDir, STARTS_FILE);
  const at = await signatureOf(checkpointDir);
  const found = await read(path);
  const before = found?.checkpoints === at ? found.count : 0;
  const lastLines = found?.lastLines ?? [];
  return {
    before,
    lastLines,
    countNow: async () => ((await signatureOf(checkpointDir)) === at ? before + 1 : 1),
    begin: () => write(path, { count: before + 1, checkpoints: at, lastLines }),
    remember: (lines) => write(path, { count: before + 1, checkpoints: at, lastLines: lines }),
  };
}

/** The last start was ended by something outside of the job: it doesn't count. */
export async function takeBackStart(checkpointDir: string): Promise<void> {
  const path = join(checkpointDir, STARTS_FILE);
  try {
    const found = await read(path);
    if (found !== undefined) await write(path, { ...found, count: Math.max(0, found.count - 1) });
  } catch (error) {
    // Nothing can be written down right now: then it counts.
    if (!isShortage(error)) throw error;
  }
}

async function write(path: string, starts: Starts): Promise<void> {
  await writeFile(`${path}.tmp`, JSON.stringify(starts), { flush: true });
  await rename(`${path}.tmp`, path);
}

const OWN = new Set<string>([STARTS_FILE, TIME_FILE]);

/** Another one after each checkpoint that was written. */
async function signatureOf(checkpointDir: string): Promise<string> {
  const names = (await readdir(checkpointDir)).filter((name) => !OWN.has(name) && !name.endsWith('.tmp')).sort();
  const files = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs, ino } = await stat(join(checkpointDir, name));
      return `${name} ${size} ${mtimeMs} ${ino}`;
    }),
  );
  return files.join('\n');
}

async function read(path: string): Promise<Starts | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    // Half of it, after a power cut: nothing is known of earlier starts.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
