import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SqliteThread } from '../../src/jobs/threaded-sqlite.js';
import { temporaryFolder } from '../e2e/processes.js';

function temporaryPath(): string {
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  return join(folder.path, 'record.db');
}

async function openThread(): Promise<SqliteThread> {
  const thread = await SqliteThread.open(temporaryPath(), []);
  onTestFinished(() => thread.close());
  return thread;
}

/** Takes a good part of a second, as a commit does on a disk that is busy. */
const SLOW =
  'with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000000) select count(*) as c from n';

test('while a statement takes its time, everything else goes on', async () => {
  const thread = await openThread();
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  expect((await thread.run(SLOW)).rows).toEqual([{ c: 2_000_000 }]);
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(5);
});

test('statements run in the order in which they came, and a faulty one holds up no other', async () => {
  const thread = await openThread();
  const answers = await Promise.allSettled([
    thread.run('create table t (i integer primary key)'),
    thread.run('insert into t values (?)', [1]),
    thread.run('insert into t values (?)', [1]),
    thread.run('select i from t'),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(answers[2]).toMatchObject({ reason: { name: 'SqliteError', code: 'SQLITE_CONSTRAINT_PRIMARYKEY' } });
  expect(answers[3]).toMatchObject({ value: { rows: [{ i: 1 }] } });
});

test('it says whether a transaction is open', async () => {
  const thread = await openThread();
  const seen: boolean[] = [];
  for (const statement of ['select 1', 'begin', 'select 1', 'rollback']) {
    await thread.run(statement);
    seen.push(thread.inTransaction);
  }
  expect(seen).toEqual([false, true, true, false]);
});

test('what is no database is refused as SQLite says', async () => {
  await expect(SqliteThread.open('/', [])).rejects.toThrow(/unable to open connection/i);
});

test('a process that forgets to close it ends; one that waits for an answer gets it', () => {
  const script = `
    import { SqliteThread } from './dist/src/jobs/threaded-sqlite.js';
    const thread = await SqliteThread.open(process.argv[1], []);
    console.log((await thread.run(${JSON.stringify(SLOW)})).rows[0].c);
  `;
  const args = ['--input-type=module', '-e', script, temporaryPath()];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 50_000 });
  expect([status, stdout]).toEqual([0, '2000000\n']);
});
