import type { Transport, TransportEvents, TransportQueue } from './transport.js';

/** Between tries to open it. */
const RETRY_MS = 1000;

/** Events that a stream keeps, about. */
const MOST_EVENTS = 10_000;

/** With the datastore away, BullMQ may wait for ever when it closes. */
const CLOSE_MS = 1000;

/** The events that somebody listens to, as far as BullMQ knows them. */
const FOLLOWED = ['progress', 'completed', 'failed'] as const;

export interface EventStream {
  /** Resolves once events are heard. */
  readonly open: Promise<void>;
  close(): Promise<void>;
}

export interface EventStreamOptions {
  readonly transport: Transport;
  readonly name: string;
  readonly queue: TransportQueue<unknown, unknown>;
  /** Puts its listeners on the stream; called for each one that is opened. */
  readonly listen: (events: TransportEvents) => void;
  /** Called each time the datastore is back and events are heard again: some may have been missed. */
  readonly onReopened?: () => void;
  readonly onError: (error: Error) => void;
}

/**
 * The events of a queue from now on, whatever happens to the datastore. Each time it returns, another server may answer, or
 * the same without its data: the stream is opened anew.
 */
export function openEventStream(options: EventStreamOptions): EventStream {
  const { transport, name, queue, listen, onReopened, onError } = options;
  let events: TransportEvents | undefined;
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
    const from = await queue.getBackend().publishEvent({ event: 'opened' }, MOST_EVENTS);
    if (closing || mine !== round) return;
    const before = events;
    const reopened = last !== undefined;
    // A server that took over may have a clock that is behind: then its ids, too.
    last = last !== undefined && isBefore(last, from) ? last : from;
    events = transport.events(name, last);
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
        // Where the datastore is away, that was said, and it calls again when it returns.
        if (transport.ready() !== true) return;
        onError(error);
        retry = setTimeout(attempt, RETRY_MS);
      });
    attempt();
  };

  if (transport.ready() === true) openAnew();
  transport.onReturn(openAnew);
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
