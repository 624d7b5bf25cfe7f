/** What every JobStore must do. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyReport } from '../../src/jobs/job.js';
import type { JobStore } from '../../src/jobs/job-store.js';
import { INSPECTION, modelUpload, newJob, OUTCOME, sha } from './samples.js';

const NOW = '2026-01-01T00:00:00.000Z';

export function jobStoreContract(name: string, open: () => Promise<{ store: JobStore; close(): Promise<void> }>): void {
  describe(`job store: ${name}`, () => {
    let store: JobStore;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ store, close } = await open());
    });
    afterEach(() => close());

    const addModel = async (text?: string) => (await store.addUpload(modelUpload(text))).upload;
    const addJob = async (change = {}) => (await store.addJob(newJob((await addModel()).id, change))).job;
    const finish = (id: string) =>
      store.updateJob(id, (j) => applyReport(j, { job_id: id, attempt: 1, type: 'finished', outcome: OUTCOME }, NOW));

    test('an upload is read as it was written; its units apart', async () => {
      const { units, ...rest } = modelUpload();
      await store.addUpload({ ...rest, units });
      expect(await store.findUpload('model', rest.id)).toEqual(rest);
      expect(await store.findUploadBySha256('model', rest.blob.sha256)).toEqual(rest);
      expect(await store.findUnits(rest.id)).toEqual(INSPECTION.units);
      expect(await store.findUpload('dataset', rest.id)).toBeUndefined();
      expect(await store.findUnits('mdl_none')).toBeUndefined();
    });

    test('equal bytes are one upload, also when they come at the same time', async () => {
      const all = await Promise.all(Array.from({ length: 5 }, () => store.addUpload(modelUpload())));
      expect(new Set(all.map((a) => a.upload.id)).size).toBe(1);
      expect(all.filter((a) => a.created)).toHaveLength(1);
    });

    test('an upload in use by an unfinished job stays; after that it goes', async () => {
      const job = await addJob();
      await expect(store.removeUpload('model', job.model)).rejects.toMatchObject({ code: 'RESOURCE_IN_USE' });
      await finish(job.id);
      expect(await store.removeUpload('model', job.model)).toMatchObject({ blobUnused: true });
      await expect(store.removeUpload('model', job.model)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await store.findJob(job.id)).toMatchObject({ model: job.model });
    });

    test('a blob that a model and a data set share is in use until both are gone', async () => {
      const model = await addModel('same');
      const { units: _, ...rest } = modelUpload('same');
      const inspection = { kind: 'npz', samples: { train: 1, validation: 0 } } as never;
      await store.addUpload({ ...rest, id: 'dst_1', kind: 'dataset', inspection, units: null });
      expect((await store.removeUpload('model', model.id)).blobUnused).toBe(false);
      expect(await store.isBlobUsed(sha('same'))).toBe(true);
      expect((await store.removeUpload('dataset', 'dst_1')).blobUnused).toBe(true);
    });

    test('a job is read as it was written', async () => {
      const job = await addJob({ requestId: 'req_1' });
      expect(await store.findJob(job.id)).toEqual(job);
      expect(await store.findJob('job_none')).toBeUndefined();
    });

    test('its texts are those that were written, before and after its end', async () => {
      const job = await addJob();
      const { config: _, result: __, ...summary } = job;
      const [config, result] = [JSON.stringify(job.config), JSON.stringify(OUTCOME.result)];
      const written = async () => {
        const found = await store.findWrittenJob(job.id);
        return found && { ...found, config: `${found.config}`, result: found.result && `${found.result}` };
      };
      expect(await written()).toEqual({ job: summary, config, result: null });
      await finish(job.id);
      expect(await written()).toMatchObject({ job: { id: job.id, status: 'succeeded' }, config, result });
      await store.removeJob(job.id);
      expect(await written()).toBeUndefined();
    });

    test('the state of a job is what its record says, also after a change', async () => {
      const job = await addJob();
      const state = { status: 'queued', phase: null, progress: 0, error: null };
      expect(await store.findState(job.id)).toEqual(state);
      await store.updateJob(job.id, (j) => ({ job: { ...j, progress: 0.5 } }));
      expect(await store.findState(job.id)).toEqual({ ...state, progress: 0.5 });
      expect(await store.findJob(job.id)).toEqual({ ...job, progress: 0.5 });
      await finish(job.id);
      await store.removeJob(job.id);
      expect(await store.findState(job.id)).toBeUndefined();
    });

    test('a job of an upload that is gone is refused', async () => {
      await expect(store.addJob(newJob('mdl_none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('the end of a job comes with its artifacts, once', async () => {
      const job = await addJob();
      expect(await finish(job.id)).toMatchObject({ status: 'succeeded' });
      expect(await finish(job.id)).toBeUndefined();
      expect(await store.findJob(job.id)).toMatchObject({ status: 'succeeded', result: OUTCOME.result });
      expect(await store.artifacts(job.id)).toEqual(OUTCOME.artifacts.map((a) => ({ ...a, attempt: 1 })));
    });

    test('an update that fails half-way changes nothing', async () => {
      const job = await addJob();
      const twice = { ...OUTCOME, artifacts: [OUTCOME.artifacts[0], OUTCOME.artifacts[0]] };
      const update = store.updateJob(job.id, (j) =>
        applyReport(j, { job_id: job.id, attempt: 1, type: 'finished', outcome: twice }, NOW),
      );
      await expect(update).rejects.toThrow();
      expect(await store.findJob(job.id)).toEqual(job);
      expect(await store.artifacts(job.id)).toEqual([]);
    });

    test('updates at the same time all count', async () => {
      const job = await addJob({ status: 'running' });
      const warn = (i: number) =>
        store.updateJob(job.id, (j) => ({
          job: { ...j, warnings: [...j.warnings, { code: 'W', message: String(i) }] },
        }));
      await Promise.all(Array.from({ length: 20 }, (_, i) => warn(i)));
      expect((await store.findJob(job.id))?.warnings).toHaveLength(20);
    });

    test('pages: newest first, none twice, none left out, by status', async () => {
      const model = (await addModel()).id;
      const ids: string[] = [];
      for (let i = 0; i < 7; i++) {
        ids.unshift((await store.addJob(newJob(model, { status: i % 2 ? 'failed' : 'queued' }))).job.id);
      }
      const read = async (status?: 'failed') => {
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.listJobs({ limit: 3, cursor, status });
          found.push(...page.data.map((j) => j.id));
          // A job that comes meanwhile is no reason to see another one twice.
          await store.addJob(newJob(model));
          cursor = page.nextCursor ?? undefined;
        } while (cursor);
        return found;
      };
      expect(await read()).toEqual(ids);
      expect(await read('failed')).toEqual(ids.filter((_, i) => i % 2 === 1));
      expect((await store.unfinishedJobs())[0]).toBe(ids[6]);
      expect((await store.listUploads('model', { limit: 1 })).nextCursor).toBeNull();
    });

    test('only finished jobs are removed', async () => {
      const job = await addJob();
      await expect(store.removeJob(job.id)).rejects.toMatchObject({ code: 'JOB_NOT_FINISHED' });
      await finish(job.id);
      await store.removeJob(job.id);
      expect(await store.artifacts(job.id)).toEqual([]);
      await expect(store.removeJob(job.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('an idempotency key: same request same job, other request a conflict, free again when the job is removed', async () => {
      const model = (await addModel()).id;
      const a = { key: 'k', requestSha256: 'a' };
      const all = await Promise.all(Array.from({ length: 5 }, () => store.addJob(newJob(model), a)));
      expect(new Set(all.map((x) => x.job.id)).size).toBe(1);
      expect(all.filter((x) => x.created)).toHaveLength(1);
      await expect(store.addJob(newJob(model), { key: 'k', requestSha256: 'b' })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
      });
      await finish(all[0].job.id);
      await store.removeJob(all[0].job.id);
      expect(await store.addJob(newJob(model), { key: 'k', requestSha256: 'b' })).toMatchObject({ created: true });
    });
  });
}
