/** The environment, as one typed config. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { type ArchiveLimits, DATASET_LIMITS, DEFAULT_LIMITS } from './archive/limits.js';
import {
  type DeviceName,
  ENGINE_DEVICES,
  type EngineName,
  installedEngines,
  TENSORFLOW_PACKAGES,
} from './installed-engines.js';
import { findWebGpuFault } from './webgpu.js';

export interface Limits {
  /** Of one upload of a model, all files together. */
  readonly uploadBytes: number;
  /** The same of a data set. */
  readonly datasetUploadBytes: number;
  /** Of a JSON body or a `config` part. */
  readonly jsonBytes: number;
  /** Jobs that may wait at once. */
  readonly queuedJobs: number;
  /** Waits and event streams that may be open at once. */
  readonly openWaits: number;
  /** How slowly a request's body may come. */
  readonly body: { readonly deadlineMs: number; readonly floorBytes: number };
  /** Of all runs of a job together. */
  readonly jobDeadlineMs: number;
  /** Resident memory of one job. */
  readonly jobMemoryBytes: number;
  /** Processor time of reading one upload. */
  readonly inspectionDeadlineMs: number;
  /** Resident memory of reading one upload. */
  readonly inspectionMemoryBytes: number;
  /** What a model may unpack to. */
  readonly archive: ArchiveLimits;
  /** What a data set may unpack to. */
  readonly datasetArchive: ArchiveLimits;
}

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** After so long files that no record names are deleted. */
  readonly quarantineMs: number;
  readonly redisUrl: string | undefined;
  /** Of every key in Redis. */
  readonly queuePrefix: string;
  readonly engine: EngineName;
  readonly device: DeviceName;
  readonly logLevel: string;
  readonly workerConcurrency: number;
  /** Compute threads of one job; 0: one for each core. */
  readonly threads: number;
  /** After how long within an epoch a job writes a checkpoint. */
  readonly checkpointMs: number;
  readonly apiKey: string | undefined;
  /** Modules of the operator's own algorithms, units and criteria. */
  readonly plugins: readonly string[];
  readonly limits: Limits;
}

/** Thrown by {@link readConfig}: one line for each wrong variable. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the environment is not valid:\n${problems.map((p) => `  ${p}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const MIB = 2 ** 20;
const ENGINES = Object.keys(ENGINE_DEVICES) as EngineName[];
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const NOT_SUPPORTED_YET: Readonly<Record<string, string>> = {
  DATABASE_URL: 'the record is a SQLite file in DATA_DIR',
  S3_URL: 'files are kept in DATA_DIR',
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment of the API. An empty variable counts as unset.
 * @throws ConfigError listing every variable that is wrong.
 * @example readConfig({ PORT: '8080' }).port // 8080
 */
export function readConfig(env: Environment): Config {
  const variables = new Variables(env);
  const host = variables.text('HOST') ?? '127.0.0.1';
  const apiKey = variables.text('API_KEY');
  if (!isLoopback(host) && apiKey === undefined) {
    variables.problems.push(`HOST "${host}" can be reached from other machines, so API_KEY is needed`);
  }
  if (apiKey !== undefined && !/^[\x21-\x7e]{8,}$/.test(apiKey)) {
    variables.problems.push('API_KEY must be at least 8 printable characters without spaces');
  }
  const worker = workerVariables(variables);
  // With Redis jobs run elsewhere, and it is the workers' packages that count.
  if (worker.redisUrl === undefined) requireEngine(worker, variables);
  return variables.checked({
    ...worker,
    host,
    port: variables.whole('PORT', 3000, 0, 65535),
    quarantineMs: variables.whole('QUARANTINE_DAYS', 7, 0, 3650) * 86_400_000,
    apiKey,
    limits: {
      ...worker.limits,
      uploadBytes: variables.whole('UPLOAD_LIMIT', 512 * MIB, 1, 2 ** 40),
      datasetUploadBytes: variables.whole('DATASET_UPLOAD_LIMIT', 16 * 1024 * MIB, 1, 2 ** 42),
      jsonBytes: variables.whole('JSON_LIMIT', MIB, 1024, 64 * MIB),
      body: {
        deadlineMs: variables.whole('UPLOAD_DEADLINE', 3600, 1, 7 * 86400) * 1000,
        floorBytes: variables.whole('UPLOAD_FLOOR', 1024, 0, 2 ** 30),
      },
      queuedJobs: variables.whole('QUEUE_LIMIT', 1000, 1, 1_000_000),
      openWaits: variables.whole('WAIT_LIMIT', 5000, 1, 1_000_000),
    },
  });
}

/** What a worker process reads of the environment; it listens nowhere, so HOST and API_KEY are none of its business. */
export type WorkerEnvironment = ReturnType<typeof workerVariables> & { readonly redisUrl: string };

/**
 * Reads the environment of a worker process.
 * @throws ConfigError listing every variable that is wrong, REDIS_URL where it is missing.
 */
export function readWorkerConfig(env: Environment): WorkerEnvironment {
  const variables = new Variables(env);
  const worker = workerVariables(variables);
  requireEngine(worker, variables);
  if (worker.redisUrl === undefined) {
    variables.problems.push(
      'REDIS_URL is needed: a worker takes its jobs from Redis (without it, `npm start` runs a worker by itself)',
    );
  }
  return variables.checked({ ...worker, redisUrl: worker.redisUrl ?? '' });
}

/** What engines need that an installation may lack. */
const ENGINE_NEEDS: Readonly<Partial<Record<Config['engine'], string>>> = {
  native:
    'a C compiler when Espalier is installed, and is not built: `npm run native:build` builds it; "auto" takes it where it is there',
  tensorflow: `${TENSORFLOW_PACKAGES.map(({ name }) => name).join(' or ')}, and neither is installed with its native library: \`npm run gpu:install\` installs the first; "auto" takes it where it is there`,
};

/** An engine or a device that is missing would fail every job. */
function requireEngine({ engine, device }: Pick<Config, 'engine' | 'device'>, variables: Variables): void {
  const installed = installedEngines();
  const needs = ENGINE_NEEDS[engine];
  if (needs !== undefined && !installed.some(({ name }) => name === engine)) {
    variables.problems.push(`ENGINE is "${engine}", which needs ${needs}`);
  }
  if (device === 'cuda' && !installed.some((has) => has.device === 'cuda')) {
    const [{ name }] = TENSORFLOW_PACKAGES;
    variables.problems.push(`DEVICE is "cuda", which needs ${name}: \`npm run gpu:install\` installs it`);
  }
}

/**
 * Asks for the adapter that DEVICE=webgpu needs, where jobs are run in this process's children; takes a second.
 * @throws ConfigError where none answers.
 */
export async function requireWebGpu({ device }: Pick<Config, 'device'>): Promise<void> {
  const fault = device === 'webgpu' ? await findWebGpuFault() : undefined;
  if (fault !== undefined) throw new ConfigError([`DEVICE is "webgpu", but ${fault}`]);
}

/** What workers read, embedded ones too. */
function workerVariables(variables: Variables) {
  const redisUrl = variables.text('REDIS_URL');
  if (redisUrl !== undefined && !isUrl(redisUrl, ['redis:', 'rediss:'])) {
    variables.problems.push('REDIS_URL must be a redis:// or rediss:// address');
  }
  const queuePrefix = variables.text('QUEUE_PREFIX') ?? 'espalier';
  if (!/^[\w.{}-]{1,64}$/.test(queuePrefix)) {
    variables.problems.push(`QUEUE_PREFIX may have 1 to 64 letters, digits and ".-_{}", found "${queuePrefix}"`);
  }
  for (const [name, instead] of Object.entries(NOT_SUPPORTED_YET)) {
    if (variables.text(name) !== undefined) {
      variables.problems.push(`${name} is not supported yet: ${instead}; unset it`);
    }
  }
  const engine = variables.oneOf('ENGINE', ENGINES, 'auto');
  const compressionRatio = variables.whole('COMPRESSION_LIMIT', DEFAULT_LIMITS.compressionRatio, 1, 1032);
  return {
    dataDir: resolve(variables.text('DATA_DIR') ?? './data'),
    redisUrl,
    queuePrefix,
    engine,
    device: variables.oneOf<DeviceName>('DEVICE', ENGINE_DEVICES[engine], 'auto', `with ENGINE "${engine}" `),
    logLevel: variables.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    workerConcurrency: variables.whole('WORKER_CONCURRENCY', 1, 1, 64),
    threads: variables.whole('THREADS', 0, 0, 1024),
    checkpointMs: variables.whole('CHECKPOINT_INTERVAL', 300, 1, 30 * 86400) * 1000,
    plugins: variables.paths('ESPALIER_PLUGINS'),
    limits: {
      jobDeadlineMs: variables.whole('JOB_DEADLINE', 7200, 1, 30 * 86400) * 1000,
      jobMemoryBytes: variables.whole('JOB_MEMORY_LIMIT', 8 * 1024 * MIB, 64 * MIB, 2 ** 42),
      // An upload's request waits 90 s for its verdict, in the queue too.
      inspectionDeadlineMs: variables.whole('INSPECTION_DEADLINE', 30, 1, 60) * 1000,
      inspectionMemoryBytes: variables.whole('INSPECTION_MEMORY_LIMIT', 1024 * MIB, 64 * MIB, 2 ** 42),
      archive: {
        unpackedBytes: variables.whole('UNPACKED_LIMIT', DEFAULT_LIMITS.unpackedBytes, 1, 2 ** 42),
        compressionRatio,
        entries: variables.whole('ENTRIES_LIMIT', DEFAULT_LIMITS.entries, 1, 1_000_000),
      },
      datasetArchive: {
        unpackedBytes: variables.whole('DATASET_UNPACKED_LIMIT', DATASET_LIMITS.unpackedBytes, 1, 2 ** 44),
        compressionRatio,
        entries: variables.whole('DATASET_ENTRIES_LIMIT', DATASET_LIMITS.entries, 1, 10_000_000),
      },
    },
  };
}

/** Typed reads of the environment that collect what is wrong instead of stopping at the first. */
class Variables {
  readonly problems: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  text(name: string): string | undefined {
    return this.#env[name]?.trim() || undefined;
  }

  whole(name: string, preset: number, least: number, most: number): number {
    const value = this.text(name);
    if (value === undefined) return preset;
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    this.problems.push(`${name} must be a whole number from ${least} to ${most}, found "${value}"`);
    return preset;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], preset: T, when = ''): T {
    const value = this.text(name) ?? preset;
    if ((allowed as readonly string[]).includes(value)) return value as T;
    this.problems.push(`${name} must ${when}be one of ${allowed.join(', ')}, found "${value}"`);
    return preset;
  }

  /** Paths between commas, as absolute ones. */
  paths(name: string): string[] {
    const paths = (this.text(name) ?? '').split(',').map((path) => path.trim());
    return paths.filter(Boolean).map((path) => resolve(path));
  }

  checked<T>(config: T): T {
    if (this.problems.length > 0) throw new ConfigError(this.problems);
    return config;
  }
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === 'localhost' || host === '::1';
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol);
}
