import type { JobQueue } from '../jobs/messages.js';
import { openJobQueue } from './job-queue.js';
import { openMemoryTransport } from './memory-transport.js';
import { openRedisTransport, type RedisTransportOptions } from './redis-transport.js';
import type { Transport } from './transport.js';

export { MAX_ATTEMPTS } from './job-queue.js';
export { openMemoryTransport } from './memory-transport.js';
export { openRedisTransport } from './redis-transport.js';
export type { FirstLook, Transport } from './transport.js';

/** A queue and what carries it: an embedded worker (`startWorker`) takes the same transport. */
export interface OpenQueue {
  readonly queue: JobQueue;
  readonly transport: Transport;
}

/** The queue over Redis; workers are other processes. Redis may be away: see `JobQueue.ready`. */
export function openRedisQueue(options: RedisTransportOptions): OpenQueue {
  const transport = openRedisTransport(options);
  return { queue: openJobQueue({ transport, onError: options.onError }), transport };
}

/** The queue in this process; give its transport to `startWorker`. */
export function openMemoryQueue(options: { onError: (error: Error) => void }): OpenQueue {
  const transport = openMemoryTransport(options.onError);
  return { queue: openJobQueue({ transport, onError: options.onError }), transport };
}
