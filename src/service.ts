/** The service in one process: record, files, queue, HTTP, and a worker where there is no Redis. Wiring only. */
import type { Logger } from 'pino';
import { readInstalledParts } from '../workers/installed-parts.js';
import { startWorker } from '../workers/supervisor.js';
import { createServer } from './api/server.js';
import type { Config } from './config.js';
import { openDataDir, type Unnamed } from './data-dir.js';
import { JobService } from './jobs/job-service.js';
import { UploadService } from './jobs/upload-service.js';
import { type FirstLook, openMemoryQueue, openRedisQueue } from './queue/index.js';
import { jobFolders } from './storage/job-folders.js';

/** Requests that have not ended this long after a stop began are cut off. */
const END_REQUESTS_MS = 10_000;

export interface RunningService {
  /** Where it listens: `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Takes no more requests, lets those that run end, stops children (their jobs resume at the next start). */
  close(): Promise<void>;
}

/**
 * Starts everything and listens. Jobs that were not finished go back into the queue.
 * @throws Error when a plugin can't be loaded, when the port is taken, or when another service uses the same DATA_DIR or Redis,
 *   when DATA_DIR holds files and its record is new or another (`unnamed` decides about them).
 * @example const service = await startService(readConfig({ PORT: '0' }), pino()); await fetch(service.url);
 */
export async function startService(
  config: Config,
  logger: Logger,
  unnamed: Unnamed = 'refuse',
): Promise<RunningService> {
  const { dataDir, redisUrl, queuePrefix, quarantineMs, limits, apiKey } = config;
  const installed = await readInstalledParts(config.plugins);
  const onError = (err: Error) => logger.error({ err }, err.message);

  const { store, blobs, disk } = await openDataDir(dataDir, { unnamed, quarantineMs }, logger);
  const folders = jobFolders(dataDir);
  const { queue, transport } = redisUrl
    ? openRedisQueue({ url: redisUrl, prefix: queuePrefix, owner: store.recordId, onError })
    : openMemoryQueue({ onError });
  const refused = refusalOf(await transport.firstLook, queuePrefix, store.recordId);
  if (refused !== undefined) {
    await queue.close();
    await store.close();
    throw new Error(refused);
  }
  const jobs = new JobService({ store, queue, folders, disk, log: logger, mostQueued: limits.queuedJobs });
  const uploads = new UploadService({ store, blobs, queue, disk, log: logger });
  const app = await createServer({ store, jobs, uploads, folders, queue, disk, limits, apiKey, installed }, logger);
  const worker = redisUrl ? undefined : await startWorker({ transport, config, blobs, logger });
  const requeued = jobs.requeueUnfinished().catch(onError);

  const close = async () => {
    const cutOff = setTimeout(() => app.server.closeAllConnections(), END_REQUESTS_MS);
    await app.close();
    clearTimeout(cutOff);
    await worker?.close();
    jobs.endWaits();
    await requeued;
    await queue.close();
    await jobs.close();
    await store.close();
  };
  try {
    const url = await app.listen({ host: config.host, port: config.port });
    return { url, close };
  } catch (error) {
    await close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`${config.host}:${config.port} is taken: something listens there already; choose another PORT`, {
      cause: error,
    });
  }
}

/** Why a Redis must be left alone, and what to do. */
function refusalOf({ foreign, inUseBy }: FirstLook, prefix: string, recordId: string): string | undefined {
  const other = `set QUEUE_PREFIX to another name than "${prefix}" here and for its workers`;
  if (inUseBy !== undefined) {
    return `REDIS_URL is in use by another Espalier service (process ${inUseBy}) with the same record ${recordId}; this DATA_DIR is a copy of its, or it of this: stop that service, or ${other}`;
  }
  if (foreign === undefined) return undefined;
  return (
    `REDIS_URL holds the jobs of another Espalier service (record ${foreign}; this DATA_DIR has ${recordId}): ` +
    `${other}, or, if that service is gone for good, delete the key "${prefix}:owner"`
  );
}
