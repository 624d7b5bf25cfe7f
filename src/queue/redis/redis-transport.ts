import { createRedisBackend, isNotConnectionError, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import type { Transport } from '../work-queue.js';
import { openBullmqQueue } from './bullmq-queue.js';
import { patient } from './patient-backend.js';
import { watchRedis } from './redis-watch.js';

/** Longest pause between two tries to reach Redis again. */
const RECONNECT_MS = 1000;

/** A connection on which nothing came for so long is dead: workers block for 10 s at most, and each look takes a second. */
const SILENT_MS = 20_000;

/** A fault that goes on is repeated by every loop and every try: it is told once in so long. */
const TELL_AGAIN_MS = 60_000;

/** Different ones that are remembered for it. */
const MOST_TOLD = 100;

export interface RedisTransportOptions {
  /** `redis://[user:password@]host:port[/db]`, or `rediss://` */
  readonly url: string;
  /** Of every key. */
  readonly prefix: string;
  /** The record that this Redis belongs to, for its API. */
  readonly owner?: string;
  readonly onError: (error: Error) => void;
}

/**
 * BullMQ on Redis through ioredis, for any number of processes. Redis may be away when this is called, may go away and
 * come back later, with its data or without; `onError` hears of it once for each time.
 */
export function openRedisTransport({ url, prefix, owner, onError }: RedisTransportOptions): Transport {
  const options = {
    retryStrategy: (tries: number) => Math.min(50 * tries, RECONNECT_MS),
    // A server that was degraded to a replica stays connected: its address may lead to the new one by now.
    reconnectOnError: ({ message }: Error) => message.includes('READONLY'),
    socketTimeout: SILENT_MS,
  };
  // Who adds a job wants to hear at once that Redis is away; who waits for jobs wants to wait until it is back.
  const producer = new Redis(url, { ...options, enableOfflineQueue: false, maxRetriesPerRequest: 1 });
  const consumer = new Redis(url, { ...options, maxRetriesPerRequest: null });
  // The consumer's errors are the producer's: both go to the same server.
  consumer.on('error', () => {});
  const { stop, ...watch } = watchRedis({ client: producer, prefix, owner, onError });
  const parts = {
    classes: withBackend(patient(createRedisBackend)),
    producer,
    consumer,
    // The watch looks at the version: BullMQ would ask once, and fail for good where that fails.
    common: { prefix, skipVersionCheck: true },
    watch,
    onError: tellOnce(onError),
  };
  return {
    queue: (spec) => openBullmqQueue(spec, parts),
    ...watch,
    close: async () => {
      await stop();
      producer.disconnect();
      consumer.disconnect();
    },
  };
}

/** A lost connection is the watch's to report, once; BullMQ repeats it for every object and every try. */
function tellOnce(onError: (error: Error) => void): (error: Error) => void {
  const told = new Map<string, number>();
  return (error) => {
    const now = Date.now();
    if (!isNotConnectionError(error) || now - (told.get(error.message) ?? -Infinity) < TELL_AGAIN_MS) return;
    if (told.size > MOST_TOLD) told.clear();
    told.set(error.message, now);
    onError(error);
  };
}
