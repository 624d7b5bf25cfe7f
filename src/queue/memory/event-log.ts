import type { IQueueBackend } from 'bullmq';

type StreamReadRaw = Awaited<ReturnType<IQueueBackend['readEvents']>>;

/** How many events are kept; BullMQ's default for its streams. */
const KEPT_EVENTS = 10_000;

type Entry = [id: string, fields: string[]];

/**
 * What a Redis stream is to BullMQ: an append-only log whose readers wait for what comes after an id. Ids are
 * `SEQUENCE-0`, so that they sort and look as Redis's do.
 */
export class EventLog {
  private readonly entries: Entry[] = [];
  private readonly wakers = new Set<() => void>();
  private sequence = 0;

  constructor(private readonly name: string) {}

  append(fields: Record<string, string | number>): string {
    this.sequence += 1;
    const id = `${this.sequence}-0`;
    this.entries.push([id, Object.entries(fields).flatMap(([key, value]) => [key, String(value)])]);
    if (this.entries.length > KEPT_EVENTS) this.entries.shift();
    for (const wake of [...this.wakers]) wake();
    return id;
  }

  /** Entries after `id` (`$`: after now), waiting up to `timeoutMs` for one; null when there is none or the wait was interrupted. */
  async read(id: string, timeoutMs: number, interrupt: Set<() => void>): Promise<StreamReadRaw> {
    const after = id === '$' ? this.sequence : Number.parseInt(id, 10);
    if (this.sequence <= after) await waitForWake(this.wakers, interrupt, timeoutMs);
    const found = this.entries.filter(([entry]) => Number.parseInt(entry, 10) > after);
    return found.length === 0 ? null : [[this.name, found]];
  }

  trim(maxLength: number): number {
    return this.entries.splice(0, Math.max(0, this.entries.length - maxLength)).length;
  }
}

/** Resolves when something in `wakers` or `interrupt` is called, or after `timeoutMs`. */
export function waitForWake(wakers: Set<() => void>, interrupt: Set<() => void>, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      wakers.delete(done);
      interrupt.delete(done);
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    wakers.add(done);
    interrupt.add(done);
  });
}
