import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import Database from 'libsql';
import { expect, test } from 'vitest';
import { openSqliteJobStore } from '../../src/jobs/sql-job-store.js';
import { openSqlite } from '../../src/jobs/sqlite.js';
import { jobStoreContract } from './job-store.contract.js';
import { modelUpload, newJob, OUTCOME } from './samples.js';

jobStoreContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const store = await openSqliteJobStore(join(folder, 'record.db'));
  return {
    store,
    close: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});

test('what was written is there after reopening', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const first = await openSqliteJobStore(join(folder, 'record.db'));
  const { upload } = await first.addUpload(modelUpload());
  const { job } = await first.addJob(newJob(upload.id));
  await first.close();
  const second = await openSqliteJobStore(join(folder, 'record.db'));
  expect(await second.findJob(job.id)).toEqual(job);
  await second.close();
  await rm(folder, { recursive: true });
});

test('lists, states and changes are told without a look at configs and results', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const store = await openSqliteJobStore(join(folder, 'record.db'));
  const { job } = await store.addJob(newJob((await store.addUpload(modelUpload())).upload.id));
  await store.close();
  const raw = new Database(join(folder, 'record.db'));
  raw.exec('drop table job_texts');
  raw.close();
  const { config, result, ...summary } = job;
  const without = await openSqliteJobStore(join(folder, 'record.db'));
  expect((await without.listJobs({ limit: 10 })).data).toEqual([summary]);
  expect(await without.findState(job.id)).toMatchObject({ status: 'queued' });
  expect(await without.updateJob(job.id, (j) => ({ job: { ...j, progress: 1 } }))).toMatchObject({ progress: 1 });
  await expect(without.findJob(job.id)).rejects.toThrow('job_texts');
  await without.close();
  await rm(folder, { recursive: true });
});

test.each([
  ['config', '{"a":'],
  ['config', '[]'],
  ['result', 'nonsense'],
  ['result', '1'],
])('a %s that is %s is damage, and is not sent', async (column, text) => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const store = await openSqliteJobStore(join(folder, 'record.db'));
  const { job } = await store.addJob(newJob((await store.addUpload(modelUpload())).upload.id));
  const raw = new Database(join(folder, 'record.db'));
  raw.prepare(`update job_texts set ${column} = ?`).run(text);
  raw.close();
  await expect(store.findWrittenJob(job.id)).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
  await expect(store.findJob(job.id)).rejects.toMatchObject({ code: 'RECORD_DAMAGED' });
  await store.close();
  await rm(folder, { recursive: true });
});

test('a record from before configs and results had a table of their own is brought up to date', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const path = join(folder, 'record.db');
  const first = await openSqliteJobStore(path);
  const { upload } = await first.addUpload(modelUpload());
  const jobs = [newJob(upload.id), newJob(upload.id, { status: 'succeeded', result: OUTCOME.result })];
  jobs.push(newJob(upload.id, { status: 'failed', warnings: OUTCOME.warnings }));
  for (const job of jobs) await first.addJob(job, { key: job.id, requestSha256: 'a' });
  await first.close();
  const raw = new Database(path);
  for (const step of [
    'alter table jobs add column config text',
    'alter table jobs add column result text',
    'update jobs set (config, result) = (select config, result from job_texts where job_id = id)',
    'drop table job_texts',
    "delete from kysely_migration where name = '0003_job_texts'",
  ]) {
    raw.exec(step);
  }
  raw.close();
  const second = await openSqliteJobStore(path);
  for (const job of jobs) expect(await second.findJob(job.id)).toEqual(job);
  // What hangs on the jobs is still there.
  const again = await second.addJob(newJob(upload.id), { key: jobs[0].id, requestSha256: 'a' });
  expect(again).toEqual({ job: jobs[0], created: false });
  await second.removeJob(jobs[1].id);
  expect(await second.findJob(jobs[1].id)).toBeUndefined();
  await second.close();
  await rm(folder, { recursive: true });
});

test('a full disk is told as one: the fault is not hidden by a rollback that has nothing to roll back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const { db, close } = await openSqlite(join(folder, 'record.db'));
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db);
  await sql.raw(`pragma max_page_count = ${rows[0].page_count + 4}`).execute(db);
  const writing = db.transaction().execute(async (tx) => {
    const row = {
      id: 'x',
      kind: 'model',
      blob: '',
      sha256: '',
      file_name: '',
      size_bytes: 1,
      created_at: '',
      units: null,
    };
    await tx
      .insertInto('uploads')
      .values({ ...row, inspection: 'i'.repeat(100_000) })
      .execute();
  });
  await expect(writing).rejects.toMatchObject({ code: 'SQLITE_FULL' });
  expect(await db.selectFrom('jobs').selectAll().execute()).toEqual([]);
  await close();
  await rm(folder, { recursive: true });
});

/** A process that opens the record (as built: `npm test` builds first) and prints each upload's id once it is acknowledged. */
const WRITER = `
  import { openSqliteJobStore } from './dist/src/jobs/sql-job-store.js';
  import { modelUpload } from './dist/test/jobs/samples.js';
  const store = await openSqliteJobStore(process.argv[1]);
  for (let i = 0; ; i++) process.stdout.write((await store.addUpload(modelUpload('model ' + i))).upload.id + '\\n');
`;

test('kill -9: everything that was acknowledged is there; meanwhile nobody else could open it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'record-'));
  const path = join(folder, 'record.db');
  const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  let refused: unknown;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === 10) refused = await openSqliteJobStore(path).catch((error: Error) => error.message);
    if (acknowledged.length === 50) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(refused).toMatch(/record\.db is in use: another Espalier service/);
  const store = await openSqliteJobStore(path);
  expect(acknowledged.length).toBeGreaterThanOrEqual(50);
  for (const id of acknowledged) expect(await store.findUpload('model', id)).toBeDefined();
  await store.close();
  await rm(folder, { recursive: true });
});
