import type { Queue, QueueEvents } from 'bullmq';
import type { Subscription, Transport } from '../work-queue.js';

/** Between tries to open it. */
const RETRY_MS = 1000;

/** Events that a stream keeps, about. */
const MOST_EVENTS = 10_000;

/** With Redis away, BullMQ may wait for ever when it closes. */
const CLOSE_MS = 1000;

/** The events that somebody listens to, as far as BullMQ knows them. */
const FOLLOWED = ['progress', 'completed', 'failed'] as const;

export interface EventStreamOptions {
  readonly queue: Pick<Queue, 'getBackend' | 'waitUntilReady'>;
  /** BullMQ's events after an id. */
  readonly events: (lastEventId: string) => QueueEvents;
  readonly watch: Pick<Transport, 'ready' | 'onReturn'>;
  /** Puts its listeners on the stream; called for each one that is opened. */
  readonly listen: (events: QueueEvents) => void;
  /** Called each time Redis is back and events are heard again: some may have been missed. */
  readonly onReopened: (() => void) | undefined;
  readonly onError: (error: Error) => void;
}

/** Puts an event of our own on a queue's stream. @returns its id */
export function publish(queue: Pick<Queue, 'getBackend'>, fields: Record<string, string>): Promise<string> {
  return queue.getBackend().publishEvent(fields, MOST_EVENTS);
}

/**
 * The events of a queue from now on, whatever happens to Redis. Each time it returns, another server may answer, or
 * the same without its data: the stream is opened anew.
 */
export function openEventStream(options: EventStreamOptions): Subscription {
  const { queue, watch, listen, onReopened, onError } = options;
  let events: QueueEvents | undefined;
  let closing = false;
  let round = 0;
  /** The last event that was heard. */
  let last: string | undefined;
  let tellOpen = (): void => {};
  const open = new Promise<void>((resolve) => {
    tellOpen = resolve;
  });
  let retry: NodeJS.Timeout | undefined;

  const start = async (mine: number): Promise<void> => {
    await queue.waitUntilReady();
    // The id of an event of our own is a sure place to listen from: "from now on" would be when the read arrives.
    const from = await publish(queue, { event: 'opened' });
    if (closing || mine !== round) return;
    const before = events;
    const reopened = last !== undefined;
    // A server that took over may have a clock that is behind: then its ids, too.
    last = last !== undefined && isBefore(last, from) ? last : from;
    events = options.events(last);
    for (const kind of FOLLOWED) {
      events.on(kind, (_event: unknown, id: string) => {
        last = id;
      });
    }
    listen(events);
    tellOpen();
    if (reopened) onReopened?.();
    before?.removeAllListeners();
    before?.on('error', () => {});
    void before?.close().catch(onError);
  };

  const openAnew = (): void => {
    clearTimeout(retry);
    const mine = ++round;
    const attempt = (): void =>
      void start(mine).catch((error: Error) => {
        if (closing || mine !== round) return;
        // Where Redis is away, that was said, and it calls again when it returns.
        if (watch.ready() !== true) return;
        onError(error);
        retry = setTimeout(attempt, RETRY_MS);
      });
    attempt();
  };

  if (watch.ready() === true) openAnew();
  watch.onReturn(openAnew);
  return {
    open,
    close: async () => {
      closing = true;
      clearTimeout(retry);
      await Promise.race([events?.close(), new Promise((resolve) => void setTimeout(resolve, CLOSE_MS).unref())]);
    },
  };
}

/** Of two ids of events, `milliseconds-number`. */
function isBefore(one: string, other: string): boolean {
  const [[ms, n], [otherMs, otherN]] = [one, other].map((id) => id.split('-').map(Number));
  return ms < otherMs || (ms === otherMs && n < otherN);
}
