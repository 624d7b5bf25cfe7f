import { createRedisBackend, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { patient } from './patient-backend.js';
import { watchRedis } from './redis-watch.js';
import { bindTransport, type Transport } from './transport.js';

/** Longest pause between two tries to reach Redis again. */
const RECONNECT_MS = 1000;

/** A connection on which nothing came for so long is dead: workers block for 10 s at most, and each look takes a second. */
const SILENT_MS = 20_000;

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
  const watch = watchRedis({ client: producer, prefix, owner, onError });
  const lifecycle = {
    ...watch,
    close: async () => {
      await watch.stop();
      producer.disconnect();
      consumer.disconnect();
    },
  };
  // The watch looks at the version: BullMQ would ask once, and fail for good where that fails.
  const common = { prefix, skipVersionCheck: true };
  const backend = patient(createRedisBackend);
  return bindTransport(withBackend(backend), { producer, consumer }, common, lifecycle, onError);
}
