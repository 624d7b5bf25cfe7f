/** What becomes of models and results when the record is lost, older or another; and backups, over HTTP. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildResidualNet, saveLayersModel } from '../../examples/residual-net.js';
import { backUp } from '../../src/backup/backup.js';
import { restore } from '../../src/backup/restore.js';
import { createClient } from '../../src/client/index.js';
import { openSqlite } from '../../src/jobs/sqlite.js';
import { type ServiceProcess, startApi, startProcess, temporaryFolder } from '../e2e/processes.js';

const folder = temporaryFolder();
/** A DATA_DIR whose service was stopped, with a model and a result. */
const whole = join(folder.path, 'whole');
let jobId: string;
let modelBytes: Buffer;
let data: string;
let tests = 0;

beforeAll(async () => {
  await saveLayersModel(buildResidualNet([8, 8, 1], 4), join(folder.path, 'net'));
  const service = await startApi({ DATA_DIR: whole });
  const client = createClient({ url: service.url });
  const files = ['model.json', 'weights.bin'].map((name) => join(folder.path, 'net', name));
  const job = await client.waitForJob((await client.submit({ model: files })).id);
  expect(job).toMatchObject({ status: 'succeeded' });
  jobId = job.id;
  modelBytes = await download(service);
  await service.end();
});

afterAll(() => folder.remove());

beforeEach(() => {
  data = join(folder.path, `data${++tests}`);
  cpSync(whole, data, { recursive: true });
});

async function download(service: ServiceProcess): Promise<Buffer> {
  const answer = await fetch(`${service.url}/jobs/${jobId}/model`);
  expect(answer.status).toBe(200);
  return Buffer.from(await answer.arrayBuffer());
}

/** Everything but the record: what must not be lost. */
const filesOf = (path: string) =>
  ['blobs', 'jobs'].flatMap((name) => readdirSync(join(path, name), { recursive: true }).map(String).sort());

/** As `npm start -- ARGUMENTS`, which is not to start. @returns its last line */
async function refusal(...given: string[]): Promise<string> {
  const refused = startProcess('src/main.js', { PORT: '0', DATA_DIR: data }, given);
  const [code] = await once(refused.child, 'close');
  expect(code).toBe(1);
  return String(refused.log.at(-1)?.msg);
}

test('the file record.db alone is the whole record, once the service is stopped', async () => {
  for (const name of readdirSync(data)) if (/-wal$|-shm$|\.lock$/.test(name)) rmSync(join(data, name));
  const service = await startApi({ DATA_DIR: data });
  expect(await download(service)).toEqual(modelBytes);
  await service.end();
});

/** Ways to lose a record, and what a start says of it. */
const LOSSES: Readonly<Record<string, [says: RegExp, lose: () => Promise<void>]>> = {
  'is missing': [/record\.db is new/, async () => rmSync(join(data, 'record.db'))],
  'is empty': [/record\.db is new/, async () => writeFileSync(join(data, 'record.db'), '')],
  'is missing, and nothing says whose the files are': [
    /record\.db is new/,
    async () => {
      rmSync(join(data, 'record.db'));
      rmSync(join(data, 'record.id'));
    },
  ],
  'lost its WAL with all that it held': [
    /record\.db is new/,
    async () => {
      rmSync(data, { recursive: true });
      const service = await startApi({ DATA_DIR: data });
      const net = join(folder.path, 'net');
      const files = [join(net, 'model.json'), join(net, 'weights.bin')];
      await createClient({ url: service.url }).uploadModel(files);
      mkdirSync(join(data, 'jobs', jobId), { recursive: true });
      await service.end('SIGKILL');
      for (const name of ['record.db-wal', 'record.db-shm']) rmSync(join(data, name));
    },
  ],
  'is another': [
    /record\.db is not the one that they belong to/,
    async () => {
      const other = join(folder.path, `other${tests}`);
      await (await startApi({ DATA_DIR: other })).end();
      cpSync(join(other, 'record.db'), join(data, 'record.db'));
    },
  ],
};

test.each(Object.entries(LOSSES))('a record that %s: no start, in a line, and nothing is touched', async (_, loss) => {
  const [says, lose] = loss;
  await lose();
  const before = filesOf(data);
  for (let start = 1; start <= 2; start++) {
    const line = await refusal();
    expect(line).toMatch(says);
    expect(line).toMatch(/^DATA_DIR .* --quarantine.* --adopt/);
  }
  expect(filesOf(data)).toEqual(before);
});

test('the right record, put back after a refusal, has everything', async () => {
  const record = readFileSync(join(data, 'record.db'));
  rmSync(join(data, 'record.db'));
  await refusal();
  for (const name of ['record.db-wal', 'record.db-shm']) rmSync(join(data, name), { force: true });
  writeFileSync(join(data, 'record.db'), record);
  const service = await startApi({ DATA_DIR: data });
  expect(await download(service)).toEqual(modelBytes);
  await service.end();
});

/** Starts a service on `data`, has it take a model, and kills it: of the model only the WAL knows. @returns the model's id */
async function killedWithWal(): Promise<string> {
  const service = await startApi({ DATA_DIR: data });
  const json = Buffer.from(readFileSync(join(folder.path, 'net', 'model.json'), 'utf8').replace('{', `{"${tests}":0,`));
  const weights = readFileSync(join(folder.path, 'net', 'weights.bin'));
  const { id } = await createClient({ url: service.url }).uploadModel({ 'model.json': json, 'weights.bin': weights });
  await service.end('SIGKILL');
  return id;
}

const RECORD_FILES = ['record.db', 'record.db-wal'] as const;

const recordFiles = () =>
  RECORD_FILES.map((name) => (existsSync(join(data, name)) ? readFileSync(join(data, name)) : ''));

/** What may be where the record of a WAL was, and what a start says of it. */
const BESIDE_A_WAL: Readonly<Record<string, [says: RegExp, put: (path: string) => void | Promise<void>]>> = {
  'is missing': [/record\.db is new/, (path) => rmSync(path)],
  'is missing, as all files but the WAL are': [
    /record\.db is missing or empty, and record\.db-wal is not/,
    (path) => {
      rmSync(path);
      rmSync(join(data, 'blobs'), { recursive: true });
      rmSync(join(data, 'jobs'), { recursive: true });
    },
  ],
  'is empty': [/record\.db is new/, (path) => writeFileSync(path, '')],
  'is older': [/not the one that record\.db-wal belongs to/, (path) => cpSync(join(whole, 'record.db'), path)],
  'is out of a backup': [
    /not the one that record\.db-wal belongs to/,
    async (path) => {
      const backup = join(folder.path, `backup-beside${tests}`);
      await backUp(whole, backup);
      cpSync(join(backup, 'record.db'), path);
    },
  ],
  'is of another service': [
    /not the one that record\.db-wal belongs to/,
    async (path) => {
      const other = join(folder.path, `other-beside${tests}`);
      await (await startApi({ DATA_DIR: other })).end();
      cpSync(join(other, 'record.db'), path);
    },
  ],
  'is no database': [/record\.db is no SQLite database/, (path) => writeFileSync(path, 'x'.repeat(5000))],
};

test.each(Object.entries(BESIDE_A_WAL))(
  'a record that %s, with the WAL of the right one beside it: no start, and the right one put back has everything',
  async (_, [says, put]) => {
    const model = await killedWithWal();
    const path = join(data, 'record.db');
    cpSync(data, `${data}-right`, { recursive: true });
    await put(path);
    const before = recordFiles();
    for (let start = 1; start <= 2; start++) {
      const line = await refusal();
      expect(line).toMatch(says);
      expect(line).toMatch(/^DATA_DIR .* --quarantine.* --adopt/);
      expect(recordFiles()).toEqual(before);
    }
    await expect(backUp(data, join(folder.path, `no-backup${tests}`))).rejects.toThrow(/DATA_DIR/);
    expect(recordFiles()).toEqual(before);
    cpSync(join(`${data}-right`, 'record.db'), path);
    for (const name of ['blobs', 'jobs']) cpSync(join(`${data}-right`, name), join(data, name), { recursive: true });
    const service = await startApi({ DATA_DIR: data });
    expect(await download(service)).toEqual(modelBytes);
    expect(await createClient({ url: service.url }).getModel(model)).toMatchObject({ id: model });
    await service.end();
  },
);

test.each(['--quarantine', '--adopt'])('%s moves a WAL without its record to quarantine first', async (option) => {
  await killedWithWal();
  const wal = readFileSync(join(data, 'record.db-wal'));
  cpSync(join(whole, 'record.db'), join(data, 'record.db'));
  const service = await startApi({ DATA_DIR: data }, [option]);
  expect(await download(service)).toEqual(modelBytes);
  await service.end();
  const moved = readdirSync(join(data, 'quarantine')).map((time) => join(data, 'quarantine', time, 'record.db-wal'));
  expect(moved.filter(existsSync).map((path) => readFileSync(path))).toEqual([wal]);
  await (await startApi({ DATA_DIR: data })).end();
});

test("a record.id that a power cut left empty stands in nobody's way", async () => {
  writeFileSync(join(data, 'record.id'), '');
  const service = await startApi({ DATA_DIR: data });
  expect(await download(service)).toEqual(modelBytes);
  await service.end();
});

test('--quarantine moves what the new record does not name, and the next start needs no option', async () => {
  const before = filesOf(data);
  rmSync(join(data, 'record.db'));
  await (await startApi({ DATA_DIR: data }, ['--quarantine'])).end();
  const [moved] = readdirSync(join(data, 'quarantine'));
  expect(filesOf(join(data, 'quarantine', moved))).toEqual(before);
  await (await startApi({ DATA_DIR: data })).end();
  expect(readdirSync(join(data, 'quarantine'))).toEqual([moved]);
  await (await startApi({ DATA_DIR: data, QUARANTINE_DAYS: '0' })).end();
  expect(readdirSync(join(data, 'quarantine'))).toEqual([]);
});

test('--adopt leaves them where they are, however often the service starts', async () => {
  age(data);
  const before = filesOf(data);
  rmSync(join(data, 'record.db'));
  await (await startApi({ DATA_DIR: data }, ['--adopt'])).end();
  await (await startApi({ DATA_DIR: data })).end();
  expect(filesOf(data)).toEqual(before);
  expect(existsSync(join(data, 'quarantine'))).toBe(false);
});

test('an older record starts, and what it does not know is kept in quarantine', async () => {
  // As it was before there was anything.
  const { db, close } = await openSqlite(join(data, 'record.db'));
  for (const table of ['artifacts', 'jobs', 'uploads'] as const) await db.deleteFrom(table).execute();
  await close();
  age(data);
  const before = filesOf(data);
  const service = await startApi({ DATA_DIR: data });
  const [moved] = readdirSync(join(data, 'quarantine'));
  expect(filesOf(join(data, 'quarantine', moved))).toEqual(before);
  await service.end();
});

/** Older than files that may be in the making. */
function age(path: string): void {
  const then = Date.now() / 1000 - 2 * 3600;
  for (const name of readdirSync(path, { recursive: true })) utimesSync(join(path, String(name)), then, then);
}

test('a backup, written while the service takes uploads, is restored to a folder that serves everything', async () => {
  const service = await startApi({ DATA_DIR: data });
  const client = createClient({ url: service.url });
  const net = readFileSync(join(folder.path, 'net', 'model.json'), 'utf8');
  const weights = readFileSync(join(folder.path, 'net', 'weights.bin'));
  const upload = async (i: number) => {
    const json = Buffer.from(net.replace('{', `{"${i}":0,`));
    return (await client.uploadModel({ 'model.json': json, 'weights.bin': weights })).id;
  };
  const before = [await upload(1), await upload(2)];
  const meanwhile = upload(3);
  const backup = join(folder.path, 'backup');
  const run = promisify(execFile);
  const { stdout } = await run('node', ['dist/src/backup/main.js', 'backup', backup], {
    env: { ...process.env, DATA_DIR: data },
  });
  expect(stdout).toMatch(/backup: the record and \d+ files, \d+ MiB/);
  await meanwhile;
  // What happens afterwards is not in it.
  await client.deleteModel(before[0]);
  await service.end();

  const fresh = join(folder.path, 'restored');
  await run('node', ['dist/src/backup/main.js', 'restore', backup], { env: { ...process.env, DATA_DIR: fresh } });
  const restored = await startApi({ DATA_DIR: fresh });
  expect(await download(restored)).toEqual(modelBytes);
  for (const id of before) expect(await createClient({ url: restored.url }).getModel(id)).toMatchObject({ id });
  await restored.end();
});

test('a backup is restored to a file system of its own', async () => {
  const backup = join(folder.path, `backup${tests}`);
  await backUp(data, backup);
  const mount = join(folder.path, `mount${tests}`);
  mkdirSync(join(mount, 'lost+found'), { recursive: true });
  await restore(backup, mount);
  expect(readdirSync(mount).sort()).toEqual(['blobs', 'jobs', 'lost+found', 'record.db', 'record.id']);
});

test('a backup goes to a new folder only, and is restored to an empty one; a damaged one is not restored', async () => {
  const backup = join(folder.path, `backup${tests}`);
  expect(await backUp(data, backup)).toMatchObject({ left: [] });
  expect(readdirSync(backup).sort()).toEqual(['blobs', 'jobs', 'record.db', 'record.id']);
  await expect(backUp(data, backup)).rejects.toThrow(/exists: a backup is written to a new folder/);
  await expect(backUp(join(folder.path, 'nothing'), `${backup}b`)).rejects.toThrow(/there is nothing to back up/);
  await expect(restore(backup, data)).rejects.toThrow(/is not empty/);
  await expect(restore(join(folder.path, 'net'), join(folder.path, 'x'))).rejects.toThrow(/it is no backup/);
  const artifact = join(backup, 'jobs', jobId, 'attempts', '1', 'report.json');
  rmSync(artifact);
  writeFileSync(artifact, '{}');
  const to = join(folder.path, `restored${tests}`);
  await expect(restore(backup, to)).rejects.toThrow(/report\.json has 2 bytes; the record says \d+/);
  expect(existsSync(join(to, 'record.db'))).toBe(false);
});
