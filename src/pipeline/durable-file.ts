import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** Written to a temporary name, fsynced, renamed: a kill leaves the old file or the new one. */
export async function writeDurably(folder: string, name: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = join(folder, `${name}.tmp`);
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
}
