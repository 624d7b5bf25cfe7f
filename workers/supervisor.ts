import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import type { Config } from '../src/config.js';
import { EspalierError } from '../src/errors.js';
import { closeWithin } from '../src/queue/closing.js';
import type { Transport } from '../src/queue/index.js';
import { openInspections, openJobs } from '../src/queue/payloads.js';
import { BEAT_MS } from '../src/queue/worker-presence.js';
import type { BlobStore } from '../src/storage/blob-store.js';
import { jobFolders } from '../src/storage/job-folders.js';
import { HOLD_MS } from './frames.js';
import { createInspectionProcessor } from './inspection-processor.js';
import { createJobProcessor } from './job-processor.js';
import { childEntry } from './run-child.js';
import { threadsOfJob } from './threads.js';
import type { WorkerContext } from './worker-context.js';

/** How long giving jobs back to the queue may take. */
const CLOSE_MS = 5000;

/** Uploads are read while a job trains: a few at once, none waits for a job. */
const INSPECTIONS_AT_ONCE = 2;

/** By the clock an inspection may take so much longer than by the processor: jobs and other inspections run beside it. */
const BUSY_FACTOR = 2.5;

/** Who asked waits 90 s. */
const LONGEST_INSPECTION_MS = 80_000;

/** How long a canceled job may take to come to the end of its step and write its best point. */
const CANCEL_GRACE_MS = 60_000;

/** The part of the config that a worker reads. `dataDir` is shared with the API. */
export type WorkerConfig = Pick<
  Config,
  'dataDir' | 'engine' | 'device' | 'threads' | 'checkpointMs' | 'workerConcurrency'
> & {
  /** Absent: none. */
  readonly plugins?: Config['plugins'];
  readonly limits: Omit<
    Config['limits'],
    'uploadBytes' | 'datasetUploadBytes' | 'jsonBytes' | 'queuedJobs' | 'openWaits' | 'body'
  >;
};

export interface WorkerOptions {
  /** Of the API's queue when the worker is embedded in it, else one of its own. */
  readonly transport: Transport;
  readonly blobs: Pick<BlobStore, 'localPath'>;
  readonly logger: Logger;
  readonly config: WorkerConfig;
  /** The children's modules and grace time, where they are not the product's: tests put a stand-in runner here. */
  readonly children?: {
    readonly job?: URL;
    readonly inspect?: URL;
    readonly cancelGraceMs?: number;
  };
}

export interface RunningWorker {
  /** Takes no more jobs, kills the children, gives their jobs back to the queue; they resume from their checkpoints. */
  close(): Promise<void>;
}

/** An upload that the API has and this worker doesn't is nobody's fault but the setup's. */
function seenFromHere(blobs: WorkerOptions['blobs']): WorkerOptions['blobs'] {
  return {
    localPath: (blob) =>
      blobs.localPath(blob).catch((cause: unknown) => {
        const message = 'a worker does not see the upload: its DATA_DIR must be the same folder as that of the API';
        throw new EspalierError('UNAVAILABLE', message, { retryable: true, cause });
      }),
  };
}

/**
 * Starts taking jobs and inspections. This process only watches: all work is done in children, so that the lease on
 * a job is renewed on time. Resolves once it listens; with Redis away that is when Redis is there.
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { transport, config, logger, children = {} } = options;
  const jobs = openJobs(transport);
  const inspections = openInspections(transport);
  const context: WorkerContext = {
    logger,
    dataDir: config.dataDir,
    folders: jobFolders(config.dataDir),
    blobs: seenFromHere(options.blobs),
    engine: config.engine,
    device: config.device,
    archives: { model: config.limits.archive, dataset: config.limits.datasetArchive },
    threads: threadsOfJob(config, availableParallelism()),
    checkpointMs: config.checkpointMs,
    plugins: config.plugins ?? [],
    entries: {
      job: children.job ?? childEntry('job-child'),
      inspect: children.inspect ?? childEntry('inspect-child'),
    },
    limits: {
      job: {
        memoryBytes: config.limits.jobMemoryBytes,
        deadlineMs: config.limits.jobDeadlineMs,
        cancelGraceMs: children.cancelGraceMs ?? CANCEL_GRACE_MS,
      },
      inspection: {
        memoryBytes: config.limits.inspectionMemoryBytes,
        processorMs: config.limits.inspectionDeadlineMs,
        deadlineMs: Math.min(BUSY_FACTOR * config.limits.inspectionDeadlineMs, LONGEST_INSPECTION_MS),
        cancelGraceMs: 0,
      },
    },
  };
  const jobProcessor = createJobProcessor(context);
  const inspectionProcessor = createInspectionProcessor(context);

  // A beat that fails is one that is not heard: the transport says why.
  const beat = () => void inspections.announce().catch(() => {});
  const heartbeat = setInterval(beat, BEAT_MS);
  beat();
  const subscription = jobs.listen({
    canceled: (jobId) => jobProcessor.cancel(jobId),
    missed: () => void jobProcessor.hearCancels().catch((err: Error) => logger.error({ err }, err.message)),
  });
  // The API puts them back, and another worker may take them: two runs of one job would share its checkpoint.
  transport.onEmptied(() => jobProcessor.letGo());
  // Cancels are heard before the first job is taken.
  await subscription.open;
  const consumers = [
    jobs.take(jobProcessor.process, {
      concurrency: config.workerConcurrency,
      leaseMs: HOLD_MS,
      // Another worker has it by now, or soon: two runs of one job would share its checkpoint.
      onLost: (jobIds) => {
        logger.warn({ jobIds }, 'the hold on jobs was lost; their processes are stopped');
        for (const jobId of jobIds) jobProcessor.stop(jobId);
      },
    }),
    inspections.take(inspectionProcessor.process, { concurrency: INSPECTIONS_AT_ONCE, leaseMs: HOLD_MS }),
  ];

  return {
    close: async () => {
      clearInterval(heartbeat);
      // First no new ones, then the end of those that run.
      const closing = consumers.map((consumer) => consumer.close());
      jobProcessor.stop();
      inspectionProcessor.stop();
      if (!(await closeWithin(CLOSE_MS, [...closing, subscription.close()]))) {
        logger.warn('jobs could not be given back in time; they come back when their leases end');
      }
      await Promise.all([jobs.close(), inspections.close()]);
    },
  };
}
