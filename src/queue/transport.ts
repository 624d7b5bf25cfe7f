import {
  type BackendClasses,
  type IQueueBackend,
  isNotConnectionError,
  type Processor,
  type Queue,
  type QueueEvents,
  type Worker,
  type WorkerOptions,
} from 'bullmq';

// biome-ignore lint/suspicious/noExplicitAny: the connection's type differs by transport, and nobody here looks at it
type Connection = any;

export type TransportQueue<D, R> = Queue<D, R, string, D, R, string, IQueueBackend, Connection>;
export type TransportWorker<D, R> = Worker<D, R, string, IQueueBackend, object, Connection>;
export type TransportEvents = QueueEvents<unknown, IQueueBackend, Connection>;

/** Between a worker's tries to take or give back a job while the datastore is away; BullMQ's own is 15 s. */
const RETRY_MS = 1000;

/** A fault that goes on is repeated by every loop and every try: it is told once in so long. */
const TELL_AGAIN_MS = 60_000;

/** Different ones that are remembered for it. */
const MOST_TOLD = 100;

/** Who else has the datastore, where anybody does. */
export interface FirstLook {
  /** The record whose jobs it holds, another than ours. */
  readonly foreign?: string;
  /** The process that serves our record: it is there twice. */
  readonly inUseBy?: string;
}

/**
 * BullMQ over one datastore. The API's queue and the workers' supervisor take one of these and don't ask which: over
 * Redis they may sit in different processes, in memory they share one object.
 */
export interface Transport {
  /** For producers: commands fail at once while the datastore is away. */
  queue<D, R>(name: string): TransportQueue<D, R>;
  /** For workers: waits out a datastore that is away. Start it with `run()`. */
  worker<D, R>(
    name: string,
    process: Processor<D, R>,
    options: Omit<WorkerOptions, 'connection'>,
  ): TransportWorker<D, R>;
  /** Events after `lastEventId`. */
  events(name: string, lastEventId: string): TransportEvents;
  /** Why it can not be used now, when that is known. */
  away(): string | undefined;
  /** True, or why it can not be used now, or not yet. */
  ready(): true | string;
  /** Called each time the datastore can be used again after it was away. */
  onReturn(listener: () => void): void;
  /** Called when the datastore has lost what it held, before it counts as back: jobs that run have lost their place. */
  onEmptied(listener: () => void): void;
  /** Resolves, soon, with who else has the datastore. */
  readonly firstLook: Promise<FirstLook>;
  /** Call it after everything that was made here is closed. */
  close(): Promise<void>;
}

/** The transport of BullMQ's classes bound to a backend; `producer` and `consumer` are its two connections. */
export function bindTransport<B extends IQueueBackend, C>(
  classes: BackendClasses<B, C>,
  connections: { readonly producer: C; readonly consumer: C },
  common: { readonly prefix?: string; readonly skipVersionCheck?: boolean },
  lifecycle: Omit<Transport, 'queue' | 'worker' | 'events'>,
  onError: (error: Error) => void,
): Transport {
  // A lost connection is the transport's to report, once; BullMQ repeats it for every object and every try.
  const told = new Map<string, number>();
  const tell = (error: Error): void => {
    const now = Date.now();
    if (!isNotConnectionError(error) || now - (told.get(error.message) ?? -Infinity) < TELL_AGAIN_MS) return;
    if (told.size > MOST_TOLD) told.clear();
    told.set(error.message, now);
    onError(error);
  };
  const heard = <E extends { on(event: 'error', listener: (error: Error) => void): unknown }>(emitter: E): E => {
    emitter.on('error', tell);
    return emitter;
  };
  return {
    queue: <D, R>(name: string) =>
      heard(
        new classes.Queue<D, R>(name, {
          // Its one write before we know whose datastore it is.
          skipMetasUpdate: true,
          ...common,
          connection: connections.producer,
        }) as unknown as TransportQueue<D, R>,
      ),
    worker: <D, R>(name: string, process: Processor<D, R>, options: Omit<WorkerOptions, 'connection'>) => {
      const base = { ...common, autorun: false, runRetryDelay: RETRY_MS, connection: connections.consumer };
      const all = { ...base, ...options } as WorkerOptions<C>;
      return heard(new classes.Worker<D, R>(name, process, all) as unknown as TransportWorker<D, R>);
    },
    events: (name, lastEventId) => {
      const options = { ...common, connection: connections.consumer, lastEventId };
      return heard(new classes.QueueEvents(name, options) as unknown as TransportEvents);
    },
    ...lifecycle,
  };
}
