/** Whether any worker is there, as the API knows it: workers say so every few seconds, where their answers come, too. */
import { EspalierError } from '../errors.js';

/** How often a worker says that it is there. */
export const BEAT_MS = 2000;

/** Who has not been heard for this long is not there, or can not be reached. */
export const SILENCE_MS = 6000;

export class WorkerPresence {
  #heardMs = Number.NEGATIVE_INFINITY;
  readonly #canHear: () => boolean;

  /** @param canHear whether events come at all: while the datastore is away, silence says nothing of workers */
  constructor(canHear: () => boolean = () => true) {
    this.#canHear = canHear;
  }

  heard(): void {
    this.#heardMs = performance.now();
  }

  /**
   * Rejects once no worker has been heard for {@link SILENCE_MS}, counted from now at the earliest; `stop` ends the watch.
   * @throws EspalierError NO_WORKER
   */
  watch(what: string): { readonly absent: Promise<never>; stop(): void } {
    let sinceMs = performance.now();
    let timer: NodeJS.Timeout;
    const absent = new Promise<never>((_, reject) => {
      const lookIn = (ms: number): void => {
        const dueMs = performance.now() + ms;
        timer = setTimeout(() => {
          const now = performance.now();
          // A process that stood still itself has not read what came meanwhile.
          if (now - dueMs > BEAT_MS / 2) sinceMs = now - SILENCE_MS + BEAT_MS;
          if (!this.#canHear()) sinceMs = now;
          const leftMs = Math.max(sinceMs, this.#heardMs) + SILENCE_MS - now;
          if (leftMs > 0) lookIn(leftMs);
          else reject(noWorker(what));
        }, ms);
      };
      lookIn(SILENCE_MS);
    });
    return { absent, stop: () => clearTimeout(timer) };
  }
}

function noWorker(what: string): EspalierError {
  const detail = `${what}: no worker has been heard of for ${SILENCE_MS / 1000} s; start one (npm run worker) and try again`;
  return new EspalierError('NO_WORKER', detail, { retryable: true });
}
