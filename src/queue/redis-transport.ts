import { createRedisBackend, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { bindTransport, type Transport } from './transport.js';

/** Longest pause between two tries to reach Redis again. */
const RECONNECT_MS = 1000;

/**
 * BullMQ on Redis through ioredis, for any number of processes. Redis may be away when this is called and may go away
 * and come back later; `onError` hears of it once for each time.
 *
 * @param url `redis://[user:password@]host:port[/db]`, or `rediss://`
 */
export function openRedisTransport(url: string, onError: (error: Error) => void): Transport {
  const retryStrategy = (tries: number) => Math.min(50 * tries, RECONNECT_MS);
  // Who adds a job wants to hear at once that Redis is away; who waits for jobs wants to wait until it is back.
  const producer = new Redis(url, { retryStrategy, enableOfflineQueue: false, maxRetriesPerRequest: 1 });
  const consumer = new Redis(url, { retryStrategy, maxRetriesPerRequest: null });
  const returned = new Set<() => void>();
  let connected = false;
  let away: string | undefined;
  let reported = false;

  producer.on('error', (error: Error) => {
    // Who asks the API hears no address; the log has it.
    away = `Redis can not be reached (${(error as NodeJS.ErrnoException).code ?? error.name})`;
    if (!reported) onError(new Error(`${away}: ${error.message}`, { cause: error }));
    reported = true;
  });
  // The consumer's errors are the producer's: both go to the same server.
  consumer.on('error', () => {});
  producer.on('close', () => {
    connected = false;
    away ??= 'the connection to Redis is closed';
  });
  producer.on('ready', () => {
    connected = true;
    away = undefined;
    reported = false;
    for (const listener of returned) listener();
  });

  const lifecycle = {
    away: () => away,
    ready: () => away ?? (connected || 'Redis has not answered yet'),
    onReturn: (listener: () => void) => void returned.add(listener),
    close: async () => {
      producer.disconnect();
      consumer.disconnect();
    },
  };
  return bindTransport(withBackend(createRedisBackend), { producer, consumer }, lifecycle, onError);
}
