import { open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobOutcome } from '../src/contract.js';
import { RESULT_FILE } from '../src/storage/job-folders.js';
import { LONGEST_FRAME } from './frames.js';
import { parseJobChildMessage } from './protocol.js';

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

/** What {@link writeResult} wrote, if the attempt came that far. What is there and is no outcome was not written by it. */
export async function findResult(outDir: string): Promise<JobOutcome | undefined> {
  const path = join(outDir, RESULT_FILE);
  try {
    if ((await stat(path)).size > LONGEST_FRAME) return undefined;
    const message = parseJobChildMessage({ type: 'done', value: JSON.parse(await readFile(path, 'utf8')) });
    return message?.type === 'done' ? message.value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
