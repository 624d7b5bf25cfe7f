import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../training/durable-file.js';

/**
 * What a job has chosen by measuring: a run that goes on from a checkpoint must not come to other widths, nor measure again.
 */
export interface KeptChoices {
  /** Final choices, by unit. */
  readonly choices: Readonly<Record<string, number>>;
  /** By unit, what its channels are worth on samples; units that samples say nothing of are left out. */
  readonly losses: Readonly<Record<string, readonly number[]>>;
}

const NAME = 'choices.json';

export function keepChoices(folder: string, fingerprint: string, kept: KeptChoices): Promise<void> {
  const text = JSON.stringify(kept);
  return writeDurably(folder, NAME, JSON.stringify({ fingerprint, sha256: digest(text), text }));
}

/** @returns undefined where there are none of this job; what is damaged counts as none */
export async function findChoices(folder: string, fingerprint: string): Promise<KeptChoices | undefined> {
  let written: string;
  try {
    written = await readFile(join(folder, NAME), 'utf8');
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
