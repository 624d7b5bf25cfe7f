/** `npm start`: the API, with an embedded worker when REDIS_URL is unset. */
import { ConfigError, readConfig, requireWebGpu } from './config.js';
import type { Unnamed } from './data-dir.js';
import { createLogger } from './logger.js';
import { makeFilesPrivate } from './private-files.js';
import { forgetSecrets, secretsOf } from './secrets.js';
import { startService } from './service.js';

const HELP = `espalier: pruning as a service

Options, for a DATA_DIR whose record.db is new or another than that of its files (they decide about files that it does not name):
  --quarantine         move them to DATA_DIR/quarantine, as at every start
  --adopt              leave them where they are

Environment:
  HOST                 address to listen on (127.0.0.1); others than loopback need API_KEY
  PORT                 (3000)
  API_KEY              where set, requests must bring it as "Authorization: Bearer KEY"
  DATA_DIR             record, uploads and results (./data)
  QUARANTINE_DAYS      days after which files that the record does not name are deleted; until then they are in DATA_DIR/quarantine (7)
  REDIS_URL            redis://…: jobs go to worker processes (npm run worker); unset: a worker runs in here
  QUEUE_PREFIX         what every key in Redis begins with (espalier); another one for each service that shares a Redis
  ENGINE               auto, native, onnxruntime or tensorflow (auto)
  DEVICE               auto, cpu, cuda or webgpu (auto; docs/gpu.md)
  WORKER_CONCURRENCY   jobs at a time (1)
  THREADS              compute threads of one job; 0: the cores, shared by WORKER_CONCURRENCY (0)
  CHECKPOINT_INTERVAL  seconds of an epoch that a job which is killed loses at most (300)
  UPLOAD_LIMIT         bytes of one upload of a model (512 MiB)
  DATASET_UPLOAD_LIMIT bytes of one upload of a data set (16 GiB)
  UPLOAD_DEADLINE      seconds that a request's body may take (3600)
  UPLOAD_FLOOR         bytes a second that it must come at, over 15 s (1024)
  JSON_LIMIT           bytes of a JSON body (1 MiB)
  QUEUE_LIMIT          jobs that may be queued at once (1000)
  WAIT_LIMIT           waits (GET /jobs/ID?wait=…) and event streams that may be open at once (5000)
  UNPACKED_LIMIT       bytes that one model may unpack to (2 GiB)
  COMPRESSION_LIMIT    unpacked bytes for each byte of an archive (200)
  ENTRIES_LIMIT        files in one model (2000)
  DATASET_UNPACKED_LIMIT  bytes that one data set may unpack to (64 GiB)
  DATASET_ENTRIES_LIMIT   files in one data set (1000000)
  INSPECTION_MEMORY_LIMIT  bytes of memory that reading an upload may take (1 GiB)
  INSPECTION_DEADLINE  seconds of the processor that reading an upload may take (30)
  JOB_MEMORY_LIMIT     bytes of memory that one job may hold (8 GiB)
  JOB_DEADLINE         seconds that a job may run, over all attempts (7200)
  ESPALIER_PLUGINS     modules of your own algorithms, units and criteria, between commas (docs/plugins.md)
  LOG_LEVEL            fatal, error, warn, info, debug, trace or silent (info)
`;

/** A stop that takes longer than this has gone wrong. */
const STOP_MS = 30_000;

const OPTIONS: Readonly<Record<string, Unnamed>> = { '--adopt': 'adopt', '--quarantine': 'quarantine' };

const given = process.argv.slice(2);
if (given.includes('--help') || given.includes('-h')) {
  process.stdout.write(HELP);
  process.exit(0);
}
const [argument] = given;
if (given.length > 1 || (argument !== undefined && !(argument in OPTIONS))) {
  process.stderr.write(
    `unknown argument "${given.join(' ')}"; there are --help, ${Object.keys(OPTIONS).join(' or ')}\n`,
  );
  process.exit(2);
}
const unnamed = argument === undefined ? 'refuse' : OPTIONS[argument];

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(error instanceof ConfigError ? 2 : 1);
}

async function main(): Promise<void> {
  makeFilesPrivate();
  const config = readConfig(process.env);
  const secrets = secretsOf(process.env);
  if (config.redisUrl === undefined) await requireWebGpu(config);
  const logger = createLogger(config.logLevel, secrets);
  forgetSecrets((err) => logger.warn({ err }, 'jobs of this process can read its keys in /proc'));
  const service = await startService(config, logger, unnamed);

  let stopping = false;
  const stop = async (signal: string) => {
    // A second signal: at once.
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => {
      logger.error(`stopping took longer than ${STOP_MS} ms`);
      process.exit(1);
    }, STOP_MS).unref();
    try {
      await service.close();
      logger.info('stopped');
      process.exit(0);
    } catch (err) {
      logger.error({ err }, 'stopping failed');
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
  logger.info({ url: service.url, docs: `${service.url}/docs`, dataDir: config.dataDir }, 'espalier is ready');
}
