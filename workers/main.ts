/** `npm run worker`: takes jobs and inspections from Redis. */
import { ConfigError, readWorkerConfig, requireWebGpu } from '../src/config.js';
import { runWorkerProcess } from './worker-process.js';

const HELP = `espalier worker: runs pruning jobs and reads uploads, for an API that uses the same Redis and DATA_DIR

Environment:
  REDIS_URL            redis://[user:password@]host:port[/db]; required
  QUEUE_PREFIX         what every key in Redis begins with, as the API has it (espalier)
  DATA_DIR             the API's folder of uploads and results (./data)
  WORKER_CONCURRENCY   jobs at a time; one for each device (1)
  ENGINE               auto, native, onnxruntime or tensorflow (auto)
  DEVICE               auto, cpu, cuda or webgpu (auto; docs/gpu.md)
  THREADS              compute threads of one job; 0: the cores, shared by WORKER_CONCURRENCY (0)
  CHECKPOINT_INTERVAL  seconds of an epoch that a job which is killed loses at most (300)
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

SIGTERM stops it: running jobs go back to the queue and resume from their checkpoints on the next worker.
`;

const unknown = process.argv.slice(2).filter((argument) => argument !== '--help' && argument !== '-h');
if (unknown.length > 0) {
  process.stderr.write(`unknown argument "${unknown[0]}"; there is only --help\n`);
  process.exit(2);
}
if (process.argv.length > 2) {
  process.stdout.write(HELP);
  process.exit(0);
}

try {
  const config = readWorkerConfig(process.env);
  await requireWebGpu(config);
  await runWorkerProcess(config);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
