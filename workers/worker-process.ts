import type { Logger } from 'pino';
import type { WorkerEnvironment } from '../src/config.js';
import { createLogger } from '../src/logger.js';
import { makeFilesPrivate } from '../src/private-files.js';
import { openRedisTransport } from '../src/queue/index.js';
import { forgetSecrets, secretsOf } from '../src/secrets.js';
import { openFileBlobStore } from '../src/storage/file-blob-store.js';
import { type RunningWorker, startWorker, type WorkerOptions } from './supervisor.js';

/** A stop that takes longer than this has gone wrong. */
const STOP_MS = 10_000;

/** A worker as a process of its own, until SIGTERM or SIGINT. A second signal ends it at once. */
export async function runWorkerProcess(config: WorkerEnvironment, children?: WorkerOptions['children']): Promise<void> {
  makeFilesPrivate();
  const logger = createLogger(config.logLevel, secretsOf(process.env));
  forgetSecrets((err) => logger.warn({ err }, 'jobs of this process can read its keys in /proc'));
  const transport = openRedisTransport({
    url: config.redisUrl,
    prefix: config.queuePrefix,
    onError: (err) => logger.error({ err }, err.message),
  });
  const blobs = await openFileBlobStore(config.dataDir);
  let worker: RunningWorker | undefined;
  onFirstSignal(logger, async () => {
    await worker?.close();
    await transport.close();
  });
  // With Redis away this waits until it is there.
  worker = await startWorker({ transport, config, blobs, logger, ...(children === undefined ? {} : { children }) });
  const { dataDir, workerConcurrency } = config;
  logger.info({ dataDir, jobs: workerConcurrency }, 'worker ready');
}

function onFirstSignal(logger: Logger, stop: () => Promise<void>): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      logger.info({ signal }, 'stopping; running jobs go back to the queue');
      setTimeout(() => {
        logger.error(`stopping took longer than ${STOP_MS} ms`);
        process.exit(1);
      }, STOP_MS).unref();
      stop().then(
        () => process.exit(0),
        (err: Error) => {
          logger.error({ err }, 'stopping failed');
          process.exit(1);
        },
      );
    });
  }
}
