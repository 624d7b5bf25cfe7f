/**
 * Whether any worker is there, as the API knows it: workers say so every few seconds on the event stream of inspections,
 * where their answers come, too.
 */
import { EspalierError } from '../errors.js';

/** Published by workers on the inspections queue's event stream. */
export const ALIVE_EVENT = 'espalier-worker-alive';

/** How often a worker says that it is there. */
export const BEAT_MS = 2000;

/** Who has not been heard for this long is not there, or can not be reached. */
export const SILENCE_MS = 6000;

export class WorkerPresence {
  #heardMs = Number.NEGATIVE_INFINITY;

  heard(): void {
    this.#heardMs = performance.now();
  }

  /**
   * Rejects once no worker has been heard for {@link SILENCE_MS}, counted from now at the earliest; `stop` ends the watch.
   * @throws EspalierError NO_WORKER
   */
  watch(what: string): { readonly absent: Promise<never>; stop(): void } {
    const sinceMs = performance.now();
    let timer: NodeJS.Timeout;
    const absent = new Promise<never>((_, reject) => {
      const look = (): void => {
        const leftMs = Math.max(sinceMs, this.#heardMs) + SILENCE_MS - performance.now();
        if (leftMs > 0) timer = setTimeout(look, leftMs);
        else reject(noWorker(what));
      };
      look();
    });
    return { absent, stop: () => clearTimeout(timer) };
  }
}

function noWorker(what: string): EspalierError {
  const detail = `${what}: no worker has been heard of for ${SILENCE_MS / 1000} s; start one (npm run worker) and try again`;
  return new EspalierError('NO_WORKER', detail, { retryable: true });
}
