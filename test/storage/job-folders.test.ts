import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type JobFolders, jobFolders } from '../../src/storage/job-folders.js';

const JOB = 'job_01HZZZZZZZZZZZZZZZZZZZZZZZ';
let dataDir: string;
let folders: JobFolders;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'jobs-'));
  folders = jobFolders(dataDir);
});
afterEach(() => rm(dataDir, { recursive: true }));

async function attempt(n: number, files: Record<string, string>): Promise<void> {
  await mkdir(folders.attemptDir(JOB, n), { recursive: true });
  for (const [name, data] of Object.entries(files)) await writeFile(join(folders.attemptDir(JOB, n), name), data);
}

test('artifacts are read whole or in part', async () => {
  await attempt(2, { 'model.zip': '0123456789' });
  expect(await text(await folders.openArtifact(JOB, 2, 'model.zip'))).toBe('0123456789');
  expect(await text(await folders.openArtifact(JOB, 2, 'model.zip', { start: 3, end: 5 }))).toBe('345');
});

test('nothing outside is reached', async () => {
  await attempt(1, {});
  for (const name of ['../../x', '..', 'a/b', 'missing']) {
    await expect(folders.openArtifact(JOB, 1, name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
  await expect(folders.remove('../x')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('of a finished job only the folder of its result stays', async () => {
  await attempt(1, { 'report.json': 'old' });
  await attempt(2, { 'report.json': 'new' });
  await mkdir(folders.checkpointDir(JOB), { recursive: true });
  await folders.removeAllBut(JOB, 2);
  expect(await readdir(join(dataDir, 'jobs', JOB))).toEqual(['attempts']);
  expect(await readdir(join(dataDir, 'jobs', JOB, 'attempts'))).toEqual(['2']);
  await folders.removeAllBut(`${JOB.slice(0, -1)}A`, 1);
});

test('removing a job removes all that it wrote', async () => {
  await attempt(1, { 'report.json': '{}' });
  await folders.remove(JOB);
  expect(await readdir(join(dataDir, 'jobs'))).toEqual([]);
});
