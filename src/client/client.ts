/** A typed client of the service, over fetch. */
import { orThrow } from './problem-error.js';
import type {
  ArtifactView,
  DatasetView,
  JobSummaryView,
  JobView,
  ModelView,
  PruneConfigInput,
  UnitsView,
} from './wire.js';

/** Paths of files (not in a browser), or their names and contents. */
export type Files = string | readonly string[] | Readonly<Record<string, Uint8Array>>;

export interface NewJobRequest {
  readonly model: string;
  readonly dataset?: string;
  readonly config?: PruneConfigInput;
}

export interface ClientOptions {
  /** `http://127.0.0.1:3000` */
  readonly url: string;
  readonly apiKey?: string;
}

/** Longest that the service lets one request wait, in seconds. */
const WAIT_S = 60;

/**
 * Every method throws ProblemError when the service says no, and fetch's TypeError when it can't be reached.
 * @example
 * const client = createClient({ url: 'http://127.0.0.1:3000' });
 * const model = await client.uploadModel('model.zip');
 * const job = await client.waitForJob((await client.createJob({ model: model.id })).id);
 * await client.downloadModel(job.id, 'pruned.zip');
 */
export function createClient({ url, apiKey }: ClientOptions) {
  const base = url.replace(/\/+$/, '');
  const call = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (apiKey !== undefined) headers.set('authorization', `Bearer ${apiKey}`);
    return orThrow(await fetch(base + path, { ...init, headers }));
  };
  const read = async <T>(path: string, init?: RequestInit): Promise<T> => (await call(path, init)).json() as Promise<T>;
  const upload = async <T>(path: string, files: Files): Promise<T> =>
    read<T>(path, { method: 'POST', body: await form('file', files) });
  const save = async (path: string, to: string): Promise<{ sizeBytes: number }> => {
    const { saveFile } = await import('./local-files.js');
    return saveFile(await call(path), to);
  };
  const job = (id: string, rest = '') => `/jobs/${encodeURIComponent(id)}${rest}`;
  const artifact = (id: string, name: string) => job(id, `/artifacts/${encodeURIComponent(name)}`);
  const getJob = (id: string, { wait = 0 }: { wait?: number } = {}) =>
    read<JobView>(job(id, wait > 0 ? `?wait=${wait}` : ''));

  return {
    uploadModel: (files: Files) => upload<ModelView>('/models', files),
    uploadDataset: (files: Files) => upload<DatasetView>('/datasets', files),
    getModel: (id: string) => read<ModelView>(`/models/${encodeURIComponent(id)}`),
    deleteModel: async (id: string): Promise<void> => {
      await call(`/models/${encodeURIComponent(id)}`, { method: 'DELETE' });
    },
    /** The config template of a model, with everything in it. */
    units: (modelId: string) =>
      read<UnitsView>(`/models/${encodeURIComponent(modelId)}/units?with_unit_init_args=true&with_channels=true`),
    createJob: (request: NewJobRequest, options: { idempotencyKey?: string } = {}) =>
      read<JobView>('/jobs', {
        method: 'POST',
        body: JSON.stringify(request),
        headers: {
          'content-type': 'application/json',
          ...(options.idempotencyKey !== undefined && { 'idempotency-key': options.idempotencyKey }),
        },
      }),
    /** Model, data and config in one call. */
    submit: async (files: { model: Files; dataset?: Files; config?: PruneConfigInput }) => {
      const body = await form('model', files.model);
      if (files.dataset !== undefined) await form('dataset', files.dataset, body);
      if (files.config !== undefined) body.append('config', JSON.stringify(files.config));
      return read<JobView>('/jobs', { method: 'POST', body });
    },
    /** With `wait` (seconds): answers when the status changes or the time is up. */
    getJob,
    /**
     * Resolves when the job is finished, however it ended. `onProgress` is called with each new state of it, looked at
     * every `intervalMs`; without it, nothing is polled.
     */
    waitForJob: async (
      id: string,
      options: { onProgress?: (job: JobView) => void; intervalMs?: number; signal?: AbortSignal } = {},
    ): Promise<JobView> => {
      const { onProgress, intervalMs = 500, signal } = options;
      for (let last = ''; ; ) {
        signal?.throwIfAborted();
        const now = await getJob(id, { wait: onProgress ? intervalMs / 1000 : WAIT_S });
        const state = `${now.status} ${now.phase} ${now.progress}`;
        if (state !== last) onProgress?.(now);
        last = state;
        if (now.finished_at !== null) return now;
      }
    },
    listJobs: (query: { status?: string; limit?: number; cursor?: string } = {}) =>
      read<{ data: JobSummaryView[]; next_cursor: string | null }>(
        `/jobs?${new URLSearchParams(Object.entries(query).map(([k, v]): [string, string] => [k, String(v)]))}`,
      ),
    cancel: (id: string) => read<JobView>(job(id, '/cancel'), { method: 'POST' }),
    /** Of a failed or canceled job: it goes on from its last checkpoint. */
    retry: (id: string) => read<JobView>(job(id, '/retry'), { method: 'POST' }),
    deleteJob: async (id: string): Promise<void> => {
      await call(job(id), { method: 'DELETE' });
    },
    report: <T = unknown>(id: string) => read<T>(job(id, '/report')),
    artifacts: async (id: string) => (await read<{ data: ArtifactView[] }>(job(id, '/artifacts'))).data,
    downloadModel: (id: string, to: string) => save(job(id, '/model'), to),
    downloadArtifact: (id: string, name: string, to: string) => save(artifact(id, name), to),
    /** The pruned model in memory, for where there are no files. */
    readModel: async (id: string): Promise<Blob> => (await call(job(id, '/model'))).blob(),
    readArtifact: async (id: string, name: string): Promise<Blob> => (await call(artifact(id, name))).blob(),
  };
}

export type Client = ReturnType<typeof createClient>;

/** Files on disk are streamed, not read into memory. */
async function form(field: string, files: Files, body = new FormData()): Promise<FormData> {
  if (typeof files === 'string' || Array.isArray(files)) {
    const { openFile } = await import('./local-files.js');
    for (const path of [files].flat()) {
      const { name, content } = await openFile(path);
      body.append(field, content, name);
    }
  } else {
    for (const [name, bytes] of Object.entries(files as Record<string, Uint8Array<ArrayBuffer>>)) {
      body.append(field, new Blob([bytes]), name);
    }
  }
  return body;
}
