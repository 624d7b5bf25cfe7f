import type { JobQueue } from '../jobs/messages.js';
import { openJobQueue } from './job-queue.js';
import { openMemoryTransport } from './memory-queue.js';
import { openRedisTransport, type RedisTransportOptions } from './redis/redis-transport.js';
import type { Transport } from './work-queue.js';

export { openRedisTransport } from './redis/redis-transport.js';
export type { FirstLook, Transport } from './work-queue.js';

/** A queue and what carries it: an embedded worker (`startWorker`) takes the same transport. */
export interface OpenQueue {
  readonly queue: JobQueue;
  readonly transport: Transport;
}

/** The queue over Redis; workers are other processes. Redis may be away: see `JobQueue.ready`. */
export function openRedisQueue(options: RedisTransportOptions): OpenQueue {
  return openOn(openRedisTransport(options), options.onError);
}

/** The queue in this process; give its transport to `startWorker`. */
export function openMemoryQueue({ onError }: { onError: (error: Error) => void }): OpenQueue {
  return openOn(openMemoryTransport(onError), onError);
}

function openOn(transport: Transport, onError: (error: Error) => void): OpenQueue {
  return { queue: openJobQueue({ transport, onError }), transport };
}
