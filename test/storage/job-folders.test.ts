import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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

test('an attempt starts empty, checkpoints stay', async () => {
  const { outDir, checkpointDir } = await folders.prepareAttempt(JOB, 1);
  await writeFile(join(outDir, 'report.json'), '{}');
  await writeFile(join(checkpointDir, 'epoch-1'), 'x');
  await folders.prepareAttempt(JOB, 1);
  expect(await readdir(outDir)).toEqual([]);
  expect(await readdir(checkpointDir)).toEqual(['epoch-1']);
});

test('artifacts are read whole or in part', async () => {
  const { outDir } = await folders.prepareAttempt(JOB, 2);
  await writeFile(join(outDir, 'model.zip'), '0123456789');
  expect(await text(await folders.openArtifact(JOB, 2, 'model.zip'))).toBe('0123456789');
  expect(await text(await folders.openArtifact(JOB, 2, 'model.zip', { start: 3, end: 5 }))).toBe('345');
});

test('nothing outside is reached', async () => {
  await folders.prepareAttempt(JOB, 1);
  for (const name of ['../../x', '..', 'a/b', 'missing']) {
    await expect(folders.openArtifact(JOB, 1, name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  }
  await expect(folders.remove('../x')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('removing a job removes all that it wrote', async () => {
  await folders.prepareAttempt(JOB, 1);
  await folders.remove(JOB);
  expect(await readdir(join(dataDir, 'jobs'))).toEqual([]);
});
