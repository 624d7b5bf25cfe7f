import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openSqliteJobStore } from '../../src/jobs/sql-job-store.js';
import { openSqlite } from '../../src/jobs/sqlite.js';
import { jobStoreContract } from './job-store.contract.js';
import { modelUpload, newJob } from './samples.js';

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
