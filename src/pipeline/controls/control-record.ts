import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlRow } from '../../contract.js';

const NAME = 'controls.json';

/** The controls that an earlier attempt of the same job ran: none of them is run again. */
export async function readControls(folder: string, fingerprint: string): Promise<readonly ControlRow[]> {
  let text: string;
  try {
    text = await readFile(join(folder, NAME), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const found = JSON.parse(text) as { readonly fingerprint: string; readonly rows: readonly ControlRow[] };
  return found.fingerprint === fingerprint ? found.rows : [];
}

/** Renamed into its place: a kill leaves the old record or the new one. */
export async function writeControls(folder: string, fingerprint: string, rows: readonly ControlRow[]): Promise<void> {
  const temporary = join(folder, `${NAME}.tmp`);
  await writeFile(temporary, JSON.stringify({ fingerprint, rows }));
  await rename(temporary, join(folder, NAME));
}
