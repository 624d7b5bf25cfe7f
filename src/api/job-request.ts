/** What a POST /jobs asks for, whether it came as JSON or as multipart. */
import type { FastifyRequest } from 'fastify';
import { schemaErrors } from '../checks/index.js';
import type { ModelInspection } from '../contract.js';
import { EspalierError, type FieldError } from '../errors.js';
import type { Job } from '../jobs/job.js';
import type { NewJob } from '../jobs/job-service.js';
import type { Upload, UploadKind } from '../jobs/upload.js';
import { checkConfigAgainstModel, type PruneConfig, resolveConfig } from '../prune-config/index.js';
import type { BlobUpload } from '../storage/blob-store.js';
import { readParts } from './multipart.js';
import { parseJson } from './parse-json.js';
import { uploadSizes } from './receive-upload.js';
import { NewJobFields } from './schemas/jobs.js';
import type { Services } from './services.js';

type JobParts = Omit<NewJob, 'idempotencyKey' | 'requestId'>;

interface Repeated {
  /** The job that the same request made before. */
  readonly repeated: Job;
}

/**
 * Reads and checks everything that can be checked before the job runs. A request with a key that came before, and the ids of
 * uploads, is not checked again: it gives the job that it made.
 * @throws EspalierError VALIDATION_FAILED, CONFIG_INVALID, UNIT_UNKNOWN and their like, with pointers into the request.
 */
export function readJobRequest(
  request: FastifyRequest,
  services: Services,
  key: string | undefined,
): Promise<JobParts | Repeated> {
  return request.isMultipart() ? fromParts(request, services, key) : fromJson(request.body, services, key);
}

async function fromJson(body: unknown, services: Services, key: string | undefined): Promise<JobParts | Repeated> {
  const errors = schemaErrors(NewJobFields, body);
  if (errors.length > 0) throw invalid(errors);
  const { model, dataset, config } = body as { model: string; dataset?: string; config?: unknown };
  const repeated = key && (await services.jobs.findRepeated(key, { model, dataset: dataset ?? null }, config));
  if (repeated) return { repeated };
  const resolved = resolve(config, dataset !== undefined, services);
  return check(services, {
    model: await stored('model', model, services),
    ...(dataset !== undefined && { dataset: await stored('dataset', dataset, services) }),
    config: resolved,
    configAsSent: config,
  });
}

async function fromParts(
  request: FastifyRequest,
  services: Services,
  key: string | undefined,
): Promise<JobParts | Repeated> {
  const files: Partial<Record<UploadKind, BlobUpload>> = {};
  const ids: Partial<Record<UploadKind, string>> = {};
  let config: unknown;
  const isUpload = (field: string): field is UploadKind => field === 'model' || field === 'dataset';
  const takeConfig = (text: string) => {
    if (config !== undefined) throw new EspalierError('BAD_REQUEST', 'there are two parts "config"');
    config = parseJson(text, 'part "config"', services.limits.jsonBytes);
  };
  try {
    await readParts(request, services.limits, uploadSizes(services.limits), {
      file: async (field, name, stream) => {
        if (field === 'config') return takeConfig(await readText(stream, services.limits.jsonBytes));
        if (!isUpload(field)) throw wrongPart(field);
        files[field] ??= await services.uploads.start();
        await files[field].add(name, stream);
      },
      value: (field, value) => {
        if (field === 'config') return takeConfig(value);
        if (!isUpload(field)) throw wrongPart(field);
        if (ids[field] !== undefined) throw new EspalierError('BAD_REQUEST', `there are two parts "${field}"`);
        ids[field] = value.trim();
      },
    });
    for (const kind of ['model', 'dataset'] as const) {
      if (files[kind] && ids[kind] !== undefined) {
        throw new EspalierError('BAD_REQUEST', `part "${kind}" comes as files and as an id: send one of them`);
      }
    }
    if (!files.model && ids.model === undefined) throw invalid([{ pointer: '/model', message: 'is needed' }]);
    if (key !== undefined && ids.model !== undefined && !files.dataset) {
      const uploads = { model: ids.model, dataset: ids.dataset ?? null };
      const repeated = await services.jobs.findRepeated(key, uploads, config);
      if (repeated) return { repeated };
    }
    const hasDataset = files.dataset !== undefined || ids.dataset !== undefined;
    const resolved = resolve(config, hasDataset, services);
    const upload = async <K extends UploadKind>(kind: K): Promise<Upload<K>> =>
      files[kind] ? (await services.uploads.finish(kind, files[kind])).upload : stored(kind, ids[kind]!, services);
    const model = await upload('model');
    const dataset = hasDataset ? await upload('dataset') : undefined;
    return await check(services, { model, ...(dataset && { dataset }), config: resolved, configAsSent: config });
  } finally {
    for (const upload of Object.values(files)) await upload.discard();
  }
}

function resolve(config: unknown, hasDataset: boolean, { installed }: Services): PruneConfig {
  try {
    return resolveConfig(config, { hasDataset, ...(installed && { installed }) });
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    const errors = error.errors.map((e) => ({ ...e, pointer: `/config${e.pointer}` }));
    throw new EspalierError(error.code, error.message, { errors, cause: error });
  }
}

async function check({ store }: Services, parts: JobParts): Promise<JobParts> {
  const units = await store.findUnits(parts.model.id);
  if (!units) throw new EspalierError('NOT_FOUND', `${parts.model.id} was deleted meanwhile`);
  const model: ModelInspection = { ...parts.model.inspection, units };
  const faults = checkConfigAgainstModel(parts.config, model, parts.dataset?.inspection);
  if (faults.length === 0) return parts;
  const codes = new Set(faults.map((f) => f.code));
  const code = codes.size === 1 ? faults[0].code : 'CONFIG_INVALID';
  const errors = faults.map(({ pointer, message }) => ({ pointer, message }));
  throw new EspalierError(
    code,
    errors
      .map((e) => e.message)
      .slice(0, 3)
      .join('; '),
    { errors },
  );
}

async function stored<K extends UploadKind>(kind: K, id: string, { store }: Services): Promise<Upload<K>> {
  const upload = await store.findUpload(kind, id);
  if (upload) return upload;
  const what = kind === 'model' ? 'model' : 'data set';
  // `curl -F model=model.zip`: the name of a file where the file was meant.
  const hint = /\.\w+$/.test(id) ? `; to send a file write ${kind}=@${id}` : '';
  throw invalid([{ pointer: `/${kind}`, message: `there is no ${what} "${id}"${hint}` }]);
}

function invalid(errors: readonly FieldError[]): EspalierError {
  const detail = errors.map((e) => `${e.pointer || 'the body'}: ${e.message}`).join('; ');
  return new EspalierError('VALIDATION_FAILED', detail, { errors });
}

async function readText(stream: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limit) throw new EspalierError('PAYLOAD_TOO_LARGE', `part "config" may have ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function wrongPart(field: string): EspalierError {
  return new EspalierError('BAD_REQUEST', `part "${field}" is unknown: parts are "model", "dataset" and "config"`);
}
