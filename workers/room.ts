import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../src/jobs/delivery.js';
import { findDiskFault, freeBytes, ROOM_BYTES } from '../src/storage/disk-space.js';
import type { Attempt } from './attempt.js';

/** Between two looks at a disk that is full. */
const LOOK_MS = 2000;

/** A job that needs more room than there is, and that nobody makes, is tried again after so long. */
const TRY_AGAIN_MS = 60_000;

/** Removes what a run could not write to its end: nobody will, and it takes room. Its folder stays, and with it its number. */
export async function removeHalfWritten({ outDir, checkpointDir }: Attempt): Promise<void> {
  for (const name of await readdir(outDir)) await rm(join(outDir, name), { recursive: true });
  for (const name of await readdir(checkpointDir)) {
    if (name.endsWith('.tmp')) await rm(join(checkpointDir, name), { force: true });
  }
}

/** Resolves once the disk of a folder has more room than now, or the signal fires. */
export async function untilRoom(folder: string, signal: AbortSignal): Promise<void> {
  const enough = (await freeBytes(folder)) + ROOM_BYTES;
  const again = Date.now() + TRY_AGAIN_MS;
  const hasRoom = async () =>
    (await findDiskFault(folder)) === undefined && ((await freeBytes(folder)) >= enough || Date.now() > again);
  while (!signal.aborted && !(await hasRoom())) await pause(LOOK_MS, signal);
}
