/** What happened to jobs, for those who watch: kept in memory, a bounded tail for each job. */
import { Waiters } from './waiters.js';

export interface JobEvent {
  /** Increases; an id of an earlier process is of no event here. */
  readonly id: string;
  readonly type: 'status' | 'progress' | 'metric' | 'log';
  readonly data: object;
}

/** The events of one job. */
interface Tail {
  readonly events: JobEvent[];
  /** Of each event, in the same order. */
  readonly lengths: number[];
  characters: number;
}

/** Of one job; older ones are forgotten. */
const MOST_EVENTS = 500;

/** Of one job, too: what its events say, as JSON. */
const MOST_CHARACTERS = 256 * 1024;

/** Jobs whose events are kept, the ones of the latest event. */
const MOST_JOBS = 100;

export class JobEvents {
  /** Tells the ids of this process from those of an earlier one. */
  readonly #process = Date.now().toString(36);
  readonly #events = new Map<string, Tail>();
  readonly #waiters = new Waiters();
  #count = 0;

  add(jobId: string, type: JobEvent['type'], data: object): void {
    const tail = this.#events.get(jobId) ?? { events: [], lengths: [], characters: 0 };
    const length = JSON.stringify(data).length;
    tail.events.push({ id: `${this.#process}-${++this.#count}`, type, data });
    tail.lengths.push(length);
    tail.characters += length;
    while (tail.events.length > MOST_EVENTS || (tail.characters > MOST_CHARACTERS && tail.events.length > 1)) {
      tail.events.shift();
      tail.characters -= tail.lengths.shift()!;
    }
    // Put in anew, it is the last to go.
    this.#events.delete(jobId);
    this.#events.set(jobId, tail);
    if (this.#events.size > MOST_JOBS) this.#events.delete(this.#events.keys().next().value!);
    this.#waiters.wake(jobId);
  }

  /** What came after an event; all there is where that event is not known (any more). */
  after(jobId: string, id: string | undefined): readonly JobEvent[] {
    const events = this.#events.get(jobId)?.events ?? [];
    if (id === undefined || !this.isKnown(id)) return [...events];
    // Who watches has mostly seen all but the last.
    const seen = numberOf(id);
    return events.slice(events.findLastIndex((event) => numberOf(event.id) <= seen) + 1);
  }

  /** Whether an id was given by this process: then what came after it is known, as far as it is kept. */
  isKnown(id: string | undefined): boolean {
    return id?.startsWith(`${this.#process}-`) ?? false;
  }

  /** Resolves with the next event of a job, when the time is up, or when the signal fires. */
  async next(jobId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#waiters.listen(jobId, timeoutMs, signal).happened;
  }

  forget(jobId: string): void {
    this.#events.delete(jobId);
    this.#waiters.wake(jobId);
  }

  wakeAll(): void {
    this.#waiters.wakeAll();
  }
}

function numberOf(id: string): number {
  return Number(id.slice(id.indexOf('-') + 1));
}
