import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptyQuarantine, sweepUnrecorded } from '../../src/storage/sweep.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-'));
});
afterEach(() => rm(folder, { recursive: true }));

const HOUR_S = 3600;
const blob = (digit: string) => digit.repeat(64);
const job = (digit: string) => `job_${digit.repeat(26)}`;

/** A file, or a folder with a file in it, of some age. */
async function put(path: string, { ageS = 2 * HOUR_S, asFolder = false } = {}): Promise<void> {
  const full = join(folder, path);
  await mkdir(asFolder ? full : join(full, '..'), { recursive: true });
  await writeFile(asFolder ? join(full, 'file') : full, 'x');
  const then = Date.now() / 1000 - ageS;
  await utimes(full, then, then);
}

test('files that no record names go once they are an hour old, whatever else lies there stays', async () => {
  const recorded = { blob: async (b: string) => b === blob('a'), job: async (j: string) => j === job('A') };
  await put(`blobs/aa/${blob('a')}`);
  await put(`blobs/bb/${blob('b')}`);
  await put(`blobs/bb/${blob('b').slice(1)}c`, { asFolder: true });
  await put(`blobs/cc/${blob('c')}`, { ageS: HOUR_S / 2 });
  await put('blobs/dd/README');
  await put(`jobs/${job('A')}`, { asFolder: true });
  await put(`jobs/${job('B')}`, { asFolder: true });
  await put(`jobs/${job('C')}`, { asFolder: true, ageS: 60 });
  await put('jobs/mine', { asFolder: true });
  await put('record.db');

  const swept = await sweepUnrecorded(folder, { recorded, olderThanMs: HOUR_S * 1000 });
  expect(swept.moved).toBe(3);
  const kept = (await readdir(folder, { recursive: true })).filter((path) => !path.startsWith('quarantine'));
  expect(kept.filter((path) => /\/.*\/|jobs\/|db/.test(path)).sort()).toEqual([
    `blobs/aa/${blob('a')}`,
    `blobs/cc/${blob('c')}`,
    'blobs/dd/README',
    `jobs/${job('A')}`,
    `jobs/${job('A')}/file`,
    `jobs/${job('C')}`,
    `jobs/${job('C')}/file`,
    'jobs/mine',
    'jobs/mine/file',
    'record.db',
  ]);
});

test('an empty folder is nothing to sweep', async () => {
  const recorded = { blob: async () => false, job: async () => false };
  expect(await sweepUnrecorded(folder, { recorded, olderThanMs: 0 })).toMatchObject({ moved: 0 });
  expect(await readdir(folder)).toEqual([]);
});

test('what was moved lies under its old path, and is deleted once it has been there for long', async () => {
  const recorded = { blob: async () => false, job: async () => false };
  const DAY_MS = 24 * HOUR_S * 1000;
  await put(`blobs/bb/${blob('b')}`);
  await put(`jobs/${job('B')}`, { asFolder: true });
  const { moved, to } = await sweepUnrecorded(folder, { recorded, olderThanMs: 0 });
  expect(moved).toBe(2);
  expect((await readdir(to, { recursive: true })).sort()).toEqual([
    'blobs',
    'blobs/bb',
    `blobs/bb/${blob('b')}`,
    'jobs',
    `jobs/${job('B')}`,
    `jobs/${job('B')}/file`,
  ]);
  await mkdir(join(folder, 'quarantine', 'mine'));
  expect(await emptyQuarantine(folder, DAY_MS, Date.now() + DAY_MS / 2)).toEqual([]);
  expect(await emptyQuarantine(folder, DAY_MS, Date.now() + 2 * DAY_MS)).toHaveLength(1);
  expect(await readdir(join(folder, 'quarantine'))).toEqual(['mine']);
});

test('files from before somebody said that they belong here stay', async () => {
  const recorded = { blob: async () => false, job: async () => false };
  await put(`blobs/bb/${blob('b')}`);
  expect(await sweepUnrecorded(folder, { recorded, olderThanMs: 0, keptUntilMs: Date.now() })).toMatchObject({
    moved: 0,
  });
});
