import type { WorkerEvent } from '../src/jobs/messages.js';

/** Twice a second is what the queue carries of a job, however often it reports. */
const EVERY_MS = 500;

/** While the queue is away, no more than this is kept; the oldest go first. */
const MOST_EVENTS = 1000;

/** Of one batch, as JSON: a child may say long things fast. */
const MOST_CHARACTERS = 2 ** 20;

/**
 * Collects a run's events into batches. Of progress only the newest in a row is kept; the first event goes out at once, and
 * `flush` sends the rest, so that the last one always arrives.
 */
export class ReportBatcher {
  private pending: WorkerEvent[] = [];
  /** Of each pending event, as JSON. */
  private lengths: number[] = [];
  private characters = 0;
  private sending: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private lastSentMs = 0;

  constructor(
    private readonly send: (events: readonly WorkerEvent[]) => Promise<void>,
    private readonly onError: (error: Error) => void,
  ) {}

  push(event: WorkerEvent): void {
    if (event.type === 'progress' && this.pending.at(-1)?.type === 'progress') {
      this.pending.pop();
      this.characters -= this.lengths.pop() ?? 0;
    }
    const { length } = JSON.stringify(event);
    this.pending.push(event);
    this.lengths.push(length);
    this.characters += length;
    while (this.pending.length > MOST_EVENTS || this.characters > MOST_CHARACTERS) {
      this.pending.shift();
      this.characters -= this.lengths.shift() ?? 0;
    }
    const wait = Math.max(0, this.lastSentMs + EVERY_MS - Date.now());
    this.timer ??= setTimeout(() => void this.flush(), wait);
  }

  /** Resolves when everything pushed so far is with the queue (or could not be sent, which `onError` has heard). */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sending = this.sending.then(async () => {
      const events = this.pending;
      if (events.length === 0) return;
      this.pending = [];
      this.lengths = [];
      this.characters = 0;
      this.lastSentMs = Date.now();
      await this.send(events).catch(this.onError);
    });
    return this.sending;
  }
}
