import type { BackendFactory, IQueueBackend } from 'bullmq';

/** Between two tries of what Redis refuses. */
const PAUSE_MS = 500;

/** What a server that may not write, now, answers: full, a replica, unable to save, without its replicas, starting. */
const REFUSED = /\b(OOM|READONLY|MISCONF|NOREPLICAS|LOADING|UNBLOCKED|MASTERDOWN)\b/;

/** What a worker has to say of a job: it says it again until it is taken. */
const INSISTED = ['moveToCompleted', 'moveToFailed', 'moveJobFromActiveToWait', 'updateProgress'] as const;

/** Does it again as long as Redis is there and refuses, unless what asks is closing. */
export async function insist<T>(asker: { readonly closing?: unknown }, act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (asker.closing !== undefined || !REFUSED.test((error as Error).message)) throw error;
      await pause();
    }
  }
}

/**
 * What BullMQ does while Redis is there and refuses to be written. By itself it would drop what a worker reports, look for jobs at
 * once again for ever, and wait five seconds before it reads events.
 *
 * It wraps methods of BullMQ's backend, which no public class lets us at, and which another version may name or call otherwise:
 * that is why package.json pins bullmq to one version. With a new one, run test/fault/redis-refuses.
 */
export function patient<B extends IQueueBackend, C>(factory: BackendFactory<B, C>): BackendFactory<B, C> {
  return (...parts) => {
    const backend = factory(...parts);
    for (const name of INSISTED) {
      const act = backend[name].bind(backend) as (...args: unknown[]) => Promise<unknown>;
      const again = (...args: unknown[]) => insist(backend, () => act(...args));
      Object.assign(backend, { [name]: again });
    }
    const take = backend.moveToActive.bind(backend);
    backend.moveToActive = async (...args) => {
      try {
        return await take(...args);
      } catch (error) {
        await pause();
        throw error;
      }
    };
    const read = backend.readEvents.bind(backend);
    backend.readEvents = async (...args) => {
      try {
        return await read(...args);
      } catch (error) {
        if (backend.closing !== undefined || !REFUSED.test((error as Error).message)) throw error;
        await pause();
        return null as never;
      }
    };
    return backend;
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, PAUSE_MS));
}
