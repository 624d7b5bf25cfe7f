import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobOutcome } from '../src/pipeline/contract.js';
import { RESULT_FILE } from '../src/storage/job-folders.js';

/** The last write of an attempt: once it is there, everything that it names is. Durable when this resolves. */
export async function writeResult(outDir: string, outcome: JobOutcome): Promise<void> {
  const temporary = join(outDir, `${RESULT_FILE}.tmp`);
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(JSON.stringify(outcome));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(outDir, RESULT_FILE));
}

/** What {@link writeResult} wrote, if the attempt came that far. */
export async function findResult(outDir: string): Promise<JobOutcome | undefined> {
  try {
    return JSON.parse(await readFile(join(outDir, RESULT_FILE), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
