import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JobOutcome } from '../../src/contract.js';
import { type JobFolders, jobFolders } from '../../src/storage/job-folders.js';
import { claimAttempt, findFinishedAttempt } from '../../workers/attempt.js';
import { writeResult } from '../../workers/result-file.js';

let dataDir: string;
let folders: JobFolders;
const jobId = `job_${ulid()}`;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'espalier-attempt-'));
  folders = jobFolders(dataDir);
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

test('attempts count on from the first number, and from those that are there', async () => {
  expect((await claimAttempt(folders, jobId, 1)).attempt).toBe(1);
  expect((await claimAttempt(folders, jobId, 1)).attempt).toBe(2);
  expect((await claimAttempt(folders, jobId, 7)).attempt).toBe(7);
  expect((await claimAttempt(folders, jobId, 2)).attempt).toBe(8);
});

test('claims at the same time never share a number', async () => {
  const claims = await Promise.all(Array.from({ length: 20 }, () => claimAttempt(folders, jobId, 1)));
  expect(new Set(claims.map(({ attempt }) => attempt)).size).toBe(20);
  expect(new Set(claims.map(({ checkpointDir }) => checkpointDir)).size).toBe(1);
});

test('the newest attempt with a result is the one that is found', async () => {
  expect(await findFinishedAttempt(folders, jobId)).toBeUndefined();
  const [first, second] = [await claimAttempt(folders, jobId, 1), await claimAttempt(folders, jobId, 1)];
  expect(await findFinishedAttempt(folders, jobId)).toBeUndefined();
  const outcome: JobOutcome = { status: 'succeeded', result: null, artifacts: [], warnings: [] };
  await writeResult(first.outDir, outcome);
  expect(await findFinishedAttempt(folders, jobId)).toEqual({ attempt: first.attempt, outcome });
  const canceled: JobOutcome = { ...outcome, status: 'canceled' };
  await writeResult(second.outDir, canceled);
  expect(await findFinishedAttempt(folders, jobId)).toEqual({ attempt: second.attempt, outcome: canceled });
});
