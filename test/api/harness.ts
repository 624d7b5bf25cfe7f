/** The real API, record and blob store on a temporary folder; only the queue is played by the test. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { expect } from 'vitest';
import type { BodyPace } from '../../src/api/plugins/body-pace.js';
import { createServer } from '../../src/api/server.js';
import { readConfig } from '../../src/config.js';
import { ERRORS } from '../../src/errors.js';
import { cacheJobs } from '../../src/jobs/cached-job-store.js';
import { JobService } from '../../src/jobs/job-service.js';
import type { JobStore } from '../../src/jobs/job-store.js';
import type { CancelAnswer, Inspections, JobMessage, JobQueue, WorkerReport } from '../../src/jobs/messages.js';
import { openSqliteJobStore } from '../../src/jobs/sql-job-store.js';
import { UploadService } from '../../src/jobs/upload-service.js';
import type { BlobRef, BlobStore } from '../../src/storage/blob-store.js';
import type { DiskSpace } from '../../src/storage/disk-space.js';
import { openFileBlobStore } from '../../src/storage/file-blob-store.js';
import { type JobFolders, jobFolders } from '../../src/storage/job-folders.js';
import { DATASET, INSPECTION, OUTCOME } from '../jobs/samples.js';

export { DATASET };

/** A queue that keeps what it is given and says what the test has it say. */
export class PlayedQueue implements JobQueue {
  readonly enqueued: JobMessage[] = [];
  readonly forgotten: string[] = [];
  readonly inspected: BlobRef[] = [];
  readiness: true | string = true;
  cancelAnswer: CancelAnswer = 'removed';
  enqueueError: Error | undefined;
  cancelError: Error | undefined;
  forgetError: Error | undefined;
  readonly canceled: string[] = [];
  inspection: (kind: string, upload: BlobRef) => Promise<unknown> = async (kind) =>
    kind === 'model' ? INSPECTION : DATASET;
  #listener: (report: WorkerReport) => void = () => {};

  async enqueue(message: JobMessage): Promise<void> {
    if (this.enqueueError) throw this.enqueueError;
    this.enqueued.push(message);
  }
  async cancel(jobId: string): Promise<CancelAnswer> {
    if (this.cancelError) throw this.cancelError;
    this.canceled.push(jobId);
    return this.cancelAnswer;
  }
  async forget(jobId: string): Promise<void> {
    if (this.forgetError) throw this.forgetError;
    this.forgotten.push(jobId);
  }
  async inspect<K extends keyof Inspections>(kind: K, upload: BlobRef): Promise<Inspections[K]> {
    this.inspected.push(upload);
    return (await this.inspection(kind, upload)) as Inspections[K];
  }
  on(_event: 'report', listener: (report: WorkerReport) => void): void {
    this.#listener = listener;
  }
  report(report: WorkerReport): void {
    this.#listener(report);
  }
  async ready(): Promise<true | string> {
    return this.readiness;
  }
  async close(): Promise<void> {}
}

export interface Harness {
  readonly app: FastifyInstance;
  readonly queue: PlayedQueue;
  readonly store: JobStore;
  readonly blobs: BlobStore;
  readonly jobs: JobService;
  readonly folders: JobFolders;
  readonly dataDir: string;
  readonly logged: Record<string, unknown>[];
  /** Reports, and waits until the record has it. */
  report(report: WorkerReport): Promise<void>;
  /** Plays a whole run: writes artifacts, reports `finished`. */
  finish(jobId: string, artifacts?: Record<string, string>): Promise<void>;
  /** Paths of everything stored that isn't the record. */
  files(): Promise<string[]>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface HarnessOptions {
  readonly dataDir?: string;
  readonly apiKey?: string;
  readonly logLevel?: string;
  readonly limits?: {
    uploadBytes?: number;
    datasetUploadBytes?: number;
    jsonBytes?: number;
    queuedJobs?: number;
    openWaits?: number;
    body?: BodyPace;
  };
  readonly disk?: DiskSpace;
}

export async function openHarness(options: HarnessOptions = {}): Promise<Harness> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'espalier-')));
  const logged: Record<string, unknown>[] = [];
  const log = pino(
    { level: options.logLevel ?? 'info' },
    { write: (line: string) => void logged.push(JSON.parse(line)) },
  );
  const store = cacheJobs(await openSqliteJobStore(join(dataDir, 'record.db')));
  const blobs = await openFileBlobStore(dataDir);
  const folders = jobFolders(dataDir);
  const queue = new PlayedQueue();
  const disk = options.disk && { disk: options.disk };
  const limits = { ...readConfig({}).limits, ...options.limits };
  const jobs = new JobService({ store, queue, folders, log, mostQueued: limits.queuedJobs, ...disk });
  const uploads = new UploadService({ store, blobs, queue, log, ...disk });
  const app = await createServer(
    { store, jobs, uploads, folders, queue, limits, apiKey: options.apiKey, ...disk },
    log,
  );
  await app.ready();
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    await app.close();
    await jobs.close();
    await store.close();
  };
  const report = async (r: WorkerReport) => {
    queue.report(r);
    await jobs.settled();
  };
  return {
    app,
    queue,
    store,
    blobs,
    jobs,
    folders,
    dataDir,
    logged,
    report,
    finish: async (jobId, artifacts = { 'model.zip': '0123456789', 'report.json': '{}' }) => {
      const attempt = 1;
      await mkdir(folders.attemptDir(jobId, attempt), { recursive: true });
      for (const [name, data] of Object.entries(artifacts)) {
        await writeFile(join(folders.attemptDir(jobId, attempt), name), data);
      }
      await report({ job_id: jobId, attempt, type: 'finished', outcome: OUTCOME });
    },
    files: async () => {
      const found: string[] = [];
      for (const folder of ['blobs', 'uploads', 'jobs']) {
        const path = join(dataDir, folder);
        if (!existsSync(path)) continue;
        for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
          if (entry.isFile()) found.push(join(entry.parentPath, entry.name));
        }
      }
      return found;
    },
    stop,
    close: async () => {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export interface Part {
  readonly field: string;
  readonly filename?: string;
  readonly data: string | Buffer;
}

/** A multipart body for `inject`. */
export function multipart(parts: readonly Part[]): Pick<InjectOptions, 'payload' | 'headers'> {
  const boundary = 'X-BOUNDARY-X';
  const chunks = parts.flatMap(({ field, filename, data }) => [
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${field}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n${filename === undefined ? '' : 'content-type: application/octet-stream\r\n'}\r\n`,
    ),
    Buffer.from(data),
    Buffer.from('\r\n'),
  ]);
  return {
    payload: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  };
}

export const file = (data: string, filename = 'model.zip', field = 'file'): Part => ({ field, filename, data });

interface Answer {
  readonly statusCode: number;
  readonly headers: Record<string, unknown>;
  json(): unknown;
  readonly body: string;
}

/** That an answer is a problem+json of this code, whole and as its table says. Gives its body. */
export function expectProblem(answer: Answer, code: keyof typeof ERRORS) {
  expect(`${answer.statusCode} ${answer.headers['content-type']} ${answer.body}`).toContain(`"code":"${code}"`);
  const body = answer.json() as Record<string, unknown> & { errors?: { pointer: string; message: string }[] };
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.statusCode).toBe(ERRORS[code].status);
  expect(body).toMatchObject({
    type: `urn:espalier:error:${code}`,
    title: ERRORS[code].title,
    status: ERRORS[code].status,
    request_id: expect.stringMatching(/^req_[0-9A-Z]{26}$/),
    detail: expect.stringMatching(/./),
  });
  expect(JSON.stringify(body)).not.toMatch(/node_modules|\.ts:|\.js:/);
  return body;
}

/** That a body is what its schema says. */
export function expectSchema(schema: TSchema, body: unknown): void {
  expect(Value.Errors(schema, body)).toEqual([]);
}
