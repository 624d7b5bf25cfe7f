/** The environment, as one typed config. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';

export interface Limits {
  /** Of one upload, all files together. */
  readonly uploadBytes: number;
  /** Of a JSON body or a `config` part. */
  readonly jsonBytes: number;
  /** Of one run of a job. */
  readonly jobDeadlineMs: number;
  /** Resident memory of one job. */
  readonly jobMemoryBytes: number;
}

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly redisUrl: string | undefined;
  readonly engine: 'auto' | 'onnxruntime' | 'tensorflow';
  readonly logLevel: string;
  readonly workerConcurrency: number;
  /** Compute threads of one job; 0: one for each core. */
  readonly threads: number;
  readonly apiKey: string | undefined;
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
const ENGINES = ['auto', 'onnxruntime', 'tensorflow'] as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const NOT_SUPPORTED_YET: Readonly<Record<string, string>> = {
  DATABASE_URL: 'the record is a SQLite file in DATA_DIR',
  S3_URL: 'files are kept in DATA_DIR',
};

/**
 * Reads the environment. An empty variable counts as unset.
 * @throws ConfigError listing every variable that is wrong.
 * @example readConfig({ PORT: '8080' }).port // 8080
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  const whole = (name: string, preset: number, least: number, most: number): number => {
    const value = text(name);
    if (value === undefined) return preset;
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    problems.push(`${name} must be a whole number from ${least} to ${most}, found "${value}"`);
    return preset;
  };
  const oneOf = <T extends string>(name: string, allowed: readonly T[], preset: T): T => {
    const value = text(name) ?? preset;
    if ((allowed as readonly string[]).includes(value)) return value as T;
    problems.push(`${name} must be one of ${allowed.join(', ')}, found "${value}"`);
    return preset;
  };

  const host = text('HOST') ?? '127.0.0.1';
  const apiKey = text('API_KEY');
  if (!isLoopback(host) && apiKey === undefined) {
    problems.push(`HOST "${host}" can be reached from other machines, so API_KEY is needed`);
  }
  if (apiKey !== undefined && !/^[\x21-\x7e]{8,}$/.test(apiKey)) {
    problems.push('API_KEY must be at least 8 printable characters without spaces');
  }
  const redisUrl = text('REDIS_URL');
  if (redisUrl !== undefined && !isUrl(redisUrl, ['redis:', 'rediss:'])) {
    problems.push('REDIS_URL must be a redis:// or rediss:// address');
  }
  for (const [name, instead] of Object.entries(NOT_SUPPORTED_YET)) {
    if (text(name) !== undefined) problems.push(`${name} is not supported yet: ${instead}; unset it`);
  }
  const config: Config = {
    host,
    port: whole('PORT', 3000, 0, 65535),
    dataDir: resolve(text('DATA_DIR') ?? './data'),
    redisUrl,
    engine: oneOf('ENGINE', ENGINES, 'auto'),
    logLevel: oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    workerConcurrency: whole('WORKER_CONCURRENCY', 1, 1, 64),
    threads: whole('THREADS', 0, 0, 1024),
    apiKey,
    limits: {
      uploadBytes: whole('UPLOAD_LIMIT', 512 * MIB, 1, 2 ** 40),
      jsonBytes: whole('JSON_LIMIT', MIB, 1024, 64 * MIB),
      jobDeadlineMs: whole('JOB_DEADLINE', 7200, 1, 30 * 86400) * 1000,
      jobMemoryBytes: whole('JOB_MEMORY_LIMIT', 8 * 1024 * MIB, 64 * MIB, 2 ** 42),
    },
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === 'localhost' || host === '::1';
}

function isUrl(value: string, protocols: readonly string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol);
}
