/** One row of the record that can't be read, over HTTP. */
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqliteJobStore } from '../../src/jobs/sql-job-store.js';
import { openSqlite, type Tables } from '../../src/jobs/sqlite.js';
import { type ServiceProcess, startApi, temporaryFolder } from '../e2e/processes.js';
import { modelUpload, newJob } from '../jobs/samples.js';

let data: ReturnType<typeof temporaryFolder>;
let service: ServiceProcess | undefined;
let ids: { model: string; otherModel: string; first: string; middle: string; last: string };

beforeEach(async () => {
  data = temporaryFolder();
  const store = await openSqliteJobStore(join(data.path, 'record.db'));
  const model = (await store.addUpload(modelUpload('one'))).upload.id;
  const otherModel = (await store.addUpload(modelUpload('other'))).upload.id;
  const add = async (uploadId: string) => (await store.addJob(newJob(uploadId))).job.id;
  ids = { model, otherModel, first: await add(otherModel), middle: await add(model), last: await add(model) };
  await store.close();
});

afterEach(async () => {
  await service?.end();
  service = undefined;
  data.remove();
});

async function onRecord<T>(work: (db: Awaited<ReturnType<typeof openSqlite>>['db']) => Promise<T>): Promise<T> {
  const { db, close } = await openSqlite(join(data.path, 'record.db'));
  try {
    return await work(db);
  } finally {
    await close();
  }
}

const get = async (path: string) => {
  const answer = await fetch(service!.url + path);
  // biome-ignore lint/suspicious/noExplicitAny: bodies are held against what is expected of them
  return { status: answer.status, body: (await answer.json()) as any };
};

const DAMAGES: readonly [column: keyof (Tables['jobs'] & Tables['job_texts']), value: string, says: string][] = [
  ['config', '{"target":', 'its config is not JSON'],
  ['config', '', 'its config is not JSON'],
  ['warnings', '{}', 'its warnings is no array'],
  ['status', 'runing', 'its status is "runing"'],
];

test.each(DAMAGES)(
  'a job whose %s is %j is left out of lists, told, and kept; the others run',
  async (column, value, says) => {
    const [table, id] = column === 'config' ? (['job_texts', 'job_id'] as const) : (['jobs', 'id'] as const);
    const damage = sql`update ${sql.table(table)} set ${sql.ref(column)} = ${value} where ${sql.ref(id)} = ${ids.middle}`;
    await onRecord((db) => damage.execute(db));
    service = await startApi({ DATA_DIR: data.path });
    // There are no files of their models here, so this is how they end.
    for (const id of [ids.first, ids.last]) {
      expect((await get(`/jobs/${id}?wait=20`)).body.status).toMatch(/failed|queued|running/);
      while ((await get(`/jobs/${id}?wait=20`)).body.finished_at === null);
    }
    const list = await get('/jobs');
    expect(list.status).toBe(200);
    expect(list.body.data.map(({ id }: { id: string }) => id)).toEqual([ids.last, ids.first]);
    expect(await get(`/jobs/${ids.middle}`)).toMatchObject({
      status: 500,
      body: { code: 'RECORD_DAMAGED', detail: expect.stringContaining(says) },
    });
    expect(await get('/readyz')).toMatchObject({ status: 200, body: { status: 'ready', damaged_records: 1 } });
    const told = service.log.filter(({ msg }) => String(msg).includes(says) && String(msg).includes(ids.middle));
    expect(told.length).toBeGreaterThanOrEqual(1);
    await service.end();
    const row = await onRecord((db) =>
      db
        .selectFrom('jobs')
        .innerJoin('job_texts', 'job_id', 'id')
        .selectAll()
        .where('id', '=', ids.middle)
        .executeTakeFirst(),
    );
    expect(row?.[column]).toBe(value);
  },
);

test('a model whose inspection is damaged is left out of lists, and a job that needs it holds no other up', async () => {
  await onRecord((db) => db.updateTable('uploads').set({ inspection: '{' }).where('id', '=', ids.otherModel).execute());
  service = await startApi({ DATA_DIR: data.path });
  for (const id of [ids.middle, ids.last]) while ((await get(`/jobs/${id}?wait=20`)).body.finished_at === null);
  expect((await get('/models')).body.data.map(({ id }: { id: string }) => id)).toEqual([ids.model]);
  expect(await get(`/models/${ids.otherModel}`)).toMatchObject({ status: 500, body: { code: 'RECORD_DAMAGED' } });
  expect((await get(`/jobs/${ids.first}`)).body).toMatchObject({ status: 'queued' });
});
