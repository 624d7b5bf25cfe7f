/** Who waits for something to happen to a job, in this process. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves when the job is woken, the time is up or the signal fires; `stop` does it at once. */
  listen(id: string, timeoutMs: number, signal: AbortSignal): { happened: Promise<void>; stop: () => void } {
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    let stop = () => {};
    const happened = new Promise<void>((resolve) => {
      stop = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        waiting.delete(stop);
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(stop, timeoutMs);
      signal.addEventListener('abort', stop);
      waiting.add(stop);
      if (signal.aborted) stop();
    });
    return { happened, stop };
  }

  wake(id: string): void {
    for (const wake of [...(this.#waiting.get(id) ?? [])]) wake();
  }

  wakeAll(): void {
    for (const id of [...this.#waiting.keys()]) this.wake(id);
  }
}
