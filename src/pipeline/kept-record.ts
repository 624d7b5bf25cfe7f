import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from './durable-file.js';

/**
 * What a job has found out, in a file of its folder, so that a run that goes on has it as it was and does not do it again. JSON.
 * @param fingerprint of the job: what another left is none of its own
 */
export function keepRecord(folder: string, name: string, fingerprint: string, found: object): Promise<void> {
  const text = JSON.stringify(found);
  return writeDurably(folder, name, JSON.stringify({ fingerprint, sha256: digest(text), text }));
}

/** @returns undefined where there is none of this job; what is damaged counts as none */
export async function findRecord<Found extends object>(
  folder: string,
  name: string,
  fingerprint: string,
): Promise<Found | undefined> {
  let written: string;
  try {
    written = await readFile(join(folder, name), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EIO') return undefined;
    throw error;
  }
  try {
    const { fingerprint: of, sha256, text } = JSON.parse(written);
    return of === fingerprint && sha256 === digest(text) ? JSON.parse(text) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
