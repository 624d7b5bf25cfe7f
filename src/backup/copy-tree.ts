import { copyFile, link, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** On a file system that can't link, or to another one, files are copied. */
const CAN_NOT_LINK = new Set(['EXDEV', 'EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK']);

/** How a file is brought to another place. Files that a record names are never written again, so a link is as good as a copy. */
export type Bring = (from: string, to: string) => Promise<void>;

export const linkOrCopy: Bring = async (from, to) => {
  try {
    await link(from, to);
  } catch (error) {
    if (!CAN_NOT_LINK.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await copyFile(from, to);
  }
};

/**
 * Brings a file, or a folder of files, to where nothing is.
 * @returns bytes of all files
 * @throws ENOENT when it is not there (any more)
 */
export async function bringTree(from: string, to: string, bring: Bring): Promise<number> {
  const found = await stat(from);
  if (!found.isDirectory()) {
    await mkdir(dirname(to), { recursive: true });
    await bring(from, to);
    return found.size;
  }
  await mkdir(to, { recursive: true });
  let sizeBytes = 0;
  for (const name of await readdir(from)) sizeBytes += await bringTree(join(from, name), join(to, name), bring);
  return sizeBytes;
}
