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
  /** Called each time the datastore is there again after it was away. */
  onReturn(listener: () => void): void;
  /** Call it after everything that was made here is closed. */
  close(): Promise<void>;
}

/** The transport of BullMQ's classes bound to a backend; `producer` and `consumer` are its two connections. */
export function bindTransport<B extends IQueueBackend, C>(
  classes: BackendClasses<B, C>,
  connections: { readonly producer: C; readonly consumer: C },
  lifecycle: Pick<Transport, 'away' | 'ready' | 'onReturn' | 'close'>,
  onError: (error: Error) => void,
): Transport {
  // A lost connection is the transport's to report, once; BullMQ repeats it for every object and every try.
  const heard = <E extends { on(event: 'error', listener: (error: Error) => void): unknown }>(emitter: E): E => {
    emitter.on('error', (error) => isNotConnectionError(error) && onError(error));
    return emitter;
  };
  return {
    queue: <D, R>(name: string) =>
      heard(new classes.Queue<D, R>(name, { connection: connections.producer }) as unknown as TransportQueue<D, R>),
    worker: <D, R>(name: string, process: Processor<D, R>, options: Omit<WorkerOptions, 'connection'>) => {
      const all = { ...options, autorun: false, connection: connections.consumer } as WorkerOptions<C>;
      return heard(new classes.Worker<D, R>(name, process, all) as unknown as TransportWorker<D, R>);
    },
    events: (name, lastEventId) => {
      const options = { connection: connections.consumer, lastEventId };
      return heard(new classes.QueueEvents(name, options) as unknown as TransportEvents);
    },
    ...lifecycle,
  };
}
