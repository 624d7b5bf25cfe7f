import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** What the record names. */
export interface Recorded {
  blob(blob: string): Promise<boolean>;
  job(jobId: string): Promise<boolean>;
}

export interface SweepOptions {
  readonly recorded: Recorded;
  /** Younger ones stay: they may be of a process that is at it. */
  readonly olderThanMs: number;
  /** Those that are not younger than this stay, too: somebody said so. */
  readonly keptUntilMs?: number;
  readonly now?: number;
}

/** Where what no record names is kept for a while, by the time of the sweep. */
const QUARANTINE = 'quarantine';

const BLOB = /^[0-9a-f]{64}$/;
const JOB = /^job_[0-9A-Z]{26}$/;

/**
 * Moves blobs and folders of jobs that no record names to `quarantine/TIME/`, under the paths that they had: mostly a process
 * was killed between taking something out of the record and taking away its files, but it may be the record that is wrong.
 * What isn't named like one is left alone.
 * @returns where they are now, and how many
 */
export async function sweepUnrecorded(
  folder: string,
  { recorded, olderThanMs, keptUntilMs = -Infinity, now = Date.now() }: SweepOptions,
): Promise<{ moved: number; to: string }> {
  const to = quarantineFolder(folder, now);
  let moved = 0;
  for await (const { path, kind, name } of storedThings(folder)) {
    const { mtimeMs } = await stat(join(folder, path));
    if (now - mtimeMs < olderThanMs || mtimeMs <= keptUntilMs || (await recorded[kind](name))) continue;
    await moveTo(join(folder, path), join(to, path));
    moved += 1;
  }
  return { moved, to };
}

/** Moves the folder of one job to quarantine. Nothing happens when there is none. */
export async function setJobAside(folder: string, jobId: string, now = Date.now()): Promise<void> {
  try {
    await moveTo(join(folder, 'jobs', jobId), join(quarantineFolder(folder, now), 'jobs', jobId));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Moves files of the record to quarantine: those of them that are there. @returns where they are now */
export async function setFilesAside(folder: string, files: readonly string[], now = Date.now()): Promise<string> {
  const to = quarantineFolder(folder, now);
  for (const file of files) {
    try {
      await moveTo(file, join(to, basename(file)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return to;
}

function quarantineFolder(folder: string, now: number): string {
  return join(folder, QUARANTINE, new Date(now).toISOString().replaceAll(':', '-'));
}

async function moveTo(from: string, to: string): Promise<void> {
  await stat(from);
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
}

/** Deletes what was moved to quarantine longer ago than this. @returns the folders */
export async function emptyQuarantine(folder: string, olderThanMs: number, now = Date.now()): Promise<string[]> {
  const deleted: string[] = [];
  for (const name of await namesIn(join(folder, QUARANTINE))) {
    const moved = Date.parse(name.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:'));
    // A name that is no time is not ours.
    if (!(now - moved >= olderThanMs)) continue;
    await rm(join(folder, QUARANTINE, name), { recursive: true });
    deleted.push(name);
  }
  return deleted;
}

/** Whether there is any blob or job. */
export async function holdsFiles(folder: string): Promise<boolean> {
  for await (const _ of storedThings(folder)) return true;
  return false;
}

interface StoredThing {
  readonly kind: keyof Recorded;
  readonly name: string;
  /** Below the folder. */
  readonly path: string;
}

async function* storedThings(folder: string): AsyncGenerator<StoredThing> {
  for (const prefix of await namesIn(join(folder, 'blobs'))) {
    for (const name of await namesIn(join(folder, 'blobs', prefix))) {
      if (BLOB.test(name)) yield { kind: 'blob', name, path: join('blobs', prefix, name) };
    }
  }
  for (const name of await namesIn(join(folder, 'jobs'))) {
    if (JOB.test(name)) yield { kind: 'job', name, path: join('jobs', name) };
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}
