/** The API and a worker as processes of the built program, over one Redis; jobs are played by the stand-in. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, type ServiceProcess, startApi, startProcess, temporaryFolder } from '../e2e/processes.js';

/** Seeds of the stand-in's configs: what the job does. */
export const WORKS = 0;
/** Works, and goes on once {@link HttpService.goOn} lets it. */
export const WAITS = 1;
/** Works, fails the first time, works. */
export const FAILS_ONCE = 2;
/** Works, hangs the first time, works. */
export const HANGS_ONCE = 3;
/** As {@link WAITS}, then writes 8 MiB. */
export const WAITS_AND_WRITES = 4;
/** Works, then hears of nothing any more. */
export const BLOCKS = 5;
/** Works, then takes memory until it is ended. */
export const ALLOCATES = 6;

/** What is promised after Redis can be used again. */
export const RECOVERY_MS = 5000;

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: bodies are held against what is expected of them
  readonly body: any;
}

export interface HttpService {
  readonly api: ServiceProcess;
  call(method: string, path: string, body?: object | FormData): Promise<Answer>;
  upload(bytes?: string): Promise<Answer>;
  /** Uploads a model of its own, and starts a job with it. @returns the job's id */
  job(seed: number): Promise<string>;
  /** Resolves when the status is one of these. */
  until(jobId: string, ...statuses: string[]): Promise<Answer['body']>;
  goOn(jobId: string): void;
  /** That `/readyz` comes to say so. */
  ready(fits: { status: number; detail?: RegExp }, withinMs?: number): Promise<void>;
}

/**
 * Redis, the API and a worker, started before the first test of a suite and ended after its last.
 * @param workerEnv more of the worker's environment
 */
export function useHttpService(workerEnv: Record<string, string> = {}): { readonly service: HttpService } {
  const data = temporaryFolder();
  let redis: PrivateRedis;
  let worker: RunningProcess;
  const used = {} as { service: HttpService };
  beforeAll(async () => {
    redis = await startRedis();
    const env = { REDIS_URL: redis.url, DATA_DIR: data.path };
    used.service = await startHttpService(env);
    worker = startStandInWorker({ ...env, ...workerEnv });
  });
  afterAll(async () => {
    await Promise.all([used.service?.api.end(), worker?.end()]);
    await redis?.stop();
    data.remove();
  });
  return used;
}

let models = 0;

/** Starts the API. */
export async function startHttpService(env: Record<string, string> & { DATA_DIR: string }): Promise<HttpService> {
  return overHttp(await startApi(env), env.DATA_DIR);
}

export function startStandInWorker(env: Record<string, string>): RunningProcess {
  return startProcess('test/fault/stand-in-worker.js', env);
}

function overHttp(api: ServiceProcess, dataDir: string): HttpService {
  const call = async (method: string, path: string, body?: object | FormData): Promise<Answer> => {
    const json = body !== undefined && !(body instanceof FormData);
    const answer = await fetch(api.url + path, {
      method,
      ...(json
        ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
        : { body: body as FormData }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  const upload = (bytes = `model ${process.pid} ${++models}`): Promise<Answer> => {
    const form = new FormData();
    form.append('file', new Blob([bytes]), 'tiny.zip');
    return call('POST', '/models', form);
  };
  return {
    api,
    call,
    upload,
    job: async (seed) => {
      const model = await upload();
      expect(model).toMatchObject({ status: 201 });
      const job = await call('POST', '/jobs', { model: model.body.id, config: { seed } });
      expect(job).toMatchObject({ status: 202 });
      return job.body.id;
    },
    until: async (id, ...statuses) => {
      for (let wait = 0; ; wait = 20) {
        const { body } = await call('GET', `/jobs/${id}?wait=${wait}`);
        if (statuses.includes(body.status) || body.finished_at !== null) {
          expect(statuses, JSON.stringify(body)).toContain(body.status);
          return body;
        }
      }
    },
    goOn: (id) => {
      const mark = join(dataDir, 'jobs', id, 'checkpoints', 'go-on');
      if (!existsSync(mark)) mkdirSync(mark, { recursive: true });
    },
    ready: async ({ status, detail = /./ }, withinMs = RECOVERY_MS) => {
      const look = async () => {
        const { status, body } = await call('GET', '/readyz');
        return { status, detail: body.detail ?? body.status };
      };
      await expect
        .poll(look, { timeout: withinMs, interval: 50 })
        .toMatchObject({ status, detail: expect.stringMatching(detail) });
    },
  };
}
