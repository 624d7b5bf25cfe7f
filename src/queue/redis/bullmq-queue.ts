import {
  type BackendClasses,
  type ConnectionOptions,
  Job,
  type Processor,
  type QueueEvents,
  type RedisQueueBackend,
  WaitingError,
} from 'bullmq';
import type { Redis } from 'ioredis';
import type { Outcome, QueueSpec, Transport, WorkQueue } from '../work-queue.js';
import { openEventStream, publish } from './event-stream.js';
import { insist } from './patient-backend.js';

/** Between a consumer's tries to take or give back a task while Redis is away; BullMQ's own is 15 s. */
const RETRY_MS = 1000;

const CANCEL_EVENT = 'espalier-cancel';
const ALIVE_EVENT = 'espalier-worker-alive';

/** A task's data in BullMQ. The cancel stands there, so that it outlives a worker that dies before it has heard of it. */
type Stored = { readonly canceled?: boolean };

export interface BullmqParts {
  readonly classes: BackendClasses<RedisQueueBackend, ConnectionOptions>;
  /** Commands on it fail at once while Redis is away. */
  readonly producer: Redis;
  /** Waits out a Redis that is away. */
  readonly consumer: Redis;
  /** Of every object of BullMQ. */
  readonly common: { readonly prefix: string; readonly skipVersionCheck: boolean };
  readonly watch: Pick<Transport, 'ready' | 'onReturn'>;
  readonly onError: (error: Error) => void;
}

/** A queue of BullMQ. Its ids are ours, so that a task is there once; its completed jobs are our endings, its failed ones our failures. */
export function openBullmqQueue<Payload extends object, Report extends object, Ending>(
  spec: QueueSpec,
  { classes, producer, consumer, common, watch, onError }: BullmqParts,
): WorkQueue<Payload, Report, Ending> {
  const { name } = spec;
  // `skipMetasUpdate`: its one write before we know whose Redis it is.
  const queue = new classes.Queue<Stored, Ending>(name, { skipMetasUpdate: true, ...common, connection: producer });
  queue.on('error', onError);
  const keep = { age: spec.keepS };
  const events = (lastEventId: string): QueueEvents => {
    const opened = new classes.QueueEvents<Ending>(name, { ...common, connection: consumer, lastEventId });
    return opened.on('error', onError);
  };

  return {
    enqueue: async (id, payload) => {
      const options = { jobId: id, attempts: spec.attempts, removeOnComplete: keep, removeOnFail: keep };
      // Nothing happens when it is there already.
      await queue.add('task', { ...payload, canceled: false }, options);
    },
    has: async (id) => (await queue.getJobState(id)) !== 'unknown',
    find: async (id) => {
      const job = await queue.getJob(id);
      const state = await job?.getState();
      if (job === undefined || state === 'unknown') return undefined;
      const lastReport = typeof job.progress === 'object' ? (job.progress as Report) : undefined;
      return { payload: payloadOf<Payload>(job), lastReport, outcome: outcomeOf(job, state) };
    },
    cancel: async (id, abandoned) => {
      const job = await queue.getJob(id);
      const state = await job?.getState();
      if (job === undefined || state === 'completed' || state === 'failed') return 'unknown';
      abandoned?.throwIfAborted();
      await job.updateData({ ...job.data, canceled: true });
      if ((await queue.remove(id)) === 1) return 'removed';
      await publish(queue, { event: CANCEL_EVENT, jobId: id });
      return 'signaled';
    },
    forget: async (id) => void (await queue.remove(id)),
    listen: ({ report, outcome, canceled, alive, missed }) =>
      openEventStream({
        queue,
        events,
        watch,
        listen: (stream) => {
          stream.on('progress', ({ jobId, data }) => report?.(jobId, data as Report));
          stream.on('completed', ({ jobId, returnvalue }) => outcome?.(jobId, { ending: returnvalue as Ending }));
          stream.on('failed', ({ jobId, failedReason }) => outcome?.(jobId, { failure: failedReason }));
          stream.on(CANCEL_EVENT as 'waiting', ({ jobId }) => canceled?.(jobId));
          stream.on(ALIVE_EVENT as 'waiting', () => alive?.());
        },
        onReopened: missed,
        onError,
      }),
    take: (handler, { concurrency, leaseMs, heartbeatMs, onLost }) => {
      const process: Processor<Stored, Ending> = async (job, token) => {
        const id = job.id as string;
        const ending = await handler({
          id,
          payload: payloadOf(job),
          report: (report) => job.updateProgress(report),
          // By the worker's own connection, which waits: a handler that throws for a moment's gap has used up a run.
          isCanceled: async () => (await insist(worker, () => Job.fromId<Stored>(worker, id)))?.data.canceled ?? false,
        });
        if (ending !== undefined) return ending;
        await job.moveToWait(token);
        throw new WaitingError();
      };
      const worker = new classes.Worker<Stored, Ending>(name, process, {
        ...common,
        connection: consumer,
        autorun: false,
        runRetryDelay: RETRY_MS,
        concurrency,
        lockDuration: leaseMs,
        stalledInterval: leaseMs / 4,
        maxStalledCount: spec.mostLosses,
        ...(heartbeatMs === undefined ? {} : { lockRenewTime: heartbeatMs }),
      });
      worker.on('error', onError);
      worker.on('lockRenewalFailed', (ids) => onLost?.(ids));
      worker.run().catch((cause) => onError(new Error(`the loop that takes from ${name} has ended`, { cause })));
      return { close: () => worker.close() };
    },
    announce: async () => {
      await queue.waitUntilReady();
      await publish(queue, { event: ALIVE_EVENT });
    },
    close: () => queue.close(),
  };
}

function payloadOf<Payload>({ data: { canceled: _, ...payload } }: Job<Stored>): Payload {
  return payload as Payload;
}

function outcomeOf<Ending>(job: Job<Stored, Ending>, state: string | undefined): Outcome<Ending> | undefined {
  if (state === 'completed') return { ending: job.returnvalue };
  return state === 'failed' ? { failure: job.failedReason } : undefined;
}
