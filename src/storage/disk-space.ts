import { rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../errors.js';

/** With less than this the disk counts as full: what is left is for what is on its way. */
export const ROOM_BYTES = 16 * 2 ** 20;

/** Kept for the record, so that it can be told what became of jobs when the disk is full to the last byte. */
const BALLAST_BYTES = 4 * 2 ** 20;
const BALLAST = 'reserve';

export interface DiskSpace {
  /** Undefined, or what to say of a disk that takes nothing new. */
  findFault(): Promise<string | undefined>;
  /** Frees what was kept for the record. @returns whether there was anything */
  release(): Promise<boolean>;
}

/** Watches the disk of a folder, and keeps some of it for the record. */
export async function openDiskSpace(folder: string): Promise<DiskSpace> {
  const ballast = join(folder, BALLAST);
  const keep = async (): Promise<void> => {
    const size = await stat(ballast).then(
      ({ size }) => size,
      () => 0,
    );
    if (size === BALLAST_BYTES || (await freeBytes(folder)) < ROOM_BYTES + BALLAST_BYTES) return;
    await writeFile(ballast, Buffer.alloc(BALLAST_BYTES, 0x5a), { mode: 0o600, flush: true });
  };
  await keep();
  let kept = true;
  return {
    findFault: async () => {
      const fault = await findDiskFault(folder);
      if (fault === undefined && !kept) {
        await keep();
        kept = true;
      }
      return fault;
    },
    release: async () => {
      const had = kept;
      kept = false;
      await rm(ballast, { force: true });
      return had;
    },
  };
}

/** Undefined, or what to say of the disk of a folder when it has no room for anything new. */
export async function findDiskFault(folder: string): Promise<string | undefined> {
  const free = await freeBytes(folder);
  if (free >= ROOM_BYTES) return undefined;
  return `the disk of DATA_DIR is full: ${mebibytes(free)} MiB are left, and ${mebibytes(ROOM_BYTES)} MiB are needed`;
}

export function diskFull(detail: string, cause?: unknown): EspalierError {
  return new EspalierError('DISK_FULL', detail, { retryable: true, cause });
}

/** Of the disk of a folder, for who isn't its administrator. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function mebibytes(bytes: number): number {
  return Math.floor(bytes / 2 ** 20);
}
