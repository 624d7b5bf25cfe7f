/**
 * The queue's contract, which two kinds of queue keep: `memory-queue.ts` in one process, `redis/` (BullMQ) for any number of
 * them. `test/contracts/work-queue.ts` holds both to it. Jobs and inspections go through one each (`payloads.ts`).
 *
 * **Words.** A *task* is an id and a payload. The *producer* (the API) enqueues and cancels tasks and listens; a *consumer* (in a
 * worker) takes them and *runs* its handler on each. While it does it has a *lease* on the task, so that nobody else is given it.
 * *Heartbeats* renew the lease; a lease without them ends after `leaseMs`. A run sends *reports*, and the task comes to an
 * *outcome*: the *ending* that a handler returned, or the reason of a failure. JSON all through.
 *
 * **Promises.**
 * - A task is there once, from `enqueue` until it is removed, forgotten or, after its outcome, `keepS` old. To enqueue its id
 *   again does nothing.
 * - Tasks are handed out in the order in which they came, each to one consumer at a time.
 * - A run ends in one of four ways. Its handler returns an ending: that is the outcome. Or undefined: the task is given back, the
 *   next to be handed out, and nothing is counted. Or it throws: the task is queued again, and fails with the `attempts`th time.
 *   Or its lease ends (the consumer is dead, or stands still): the task is the next to be handed out, soon (within a quarter of
 *   `leaseMs`, as a rule), and fails once that has happened more than `mostLosses` times.
 * - Listeners hear a run's reports in order, then the outcome, once. What a run brings after its lease has ended is dropped, and
 *   `onError` hears of it.
 * - A cancel takes a waiting task away for good. It stays on a task that is run, for this run and those after it, and listeners
 *   hear it: the handler sees to it.
 *
 * **What is not in it.** Durability: a datastore may be away and may lose what it held; who listens hears when something may have
 * been `missed`, and the producer's record has what to enqueue again. Delays, priorities, schedules, flows: nothing here needs them.
 */
import type { CancelAnswer } from '../jobs/messages.js';

export interface QueueSpec {
  readonly name: string;
  /** Runs that throw until the task has failed. */
  readonly attempts: number;
  /** Leases that a task may lose. */
  readonly mostLosses: number;
  /** An outcome that nobody forgets is kept for so many seconds, about. */
  readonly keepS: number;
}

export type Outcome<Ending> = { readonly ending: Ending } | { readonly failure: string };

/** A task as the queue has it. */
export interface FoundTask<Payload, Report, Ending> {
  readonly payload: Payload;
  readonly lastReport: Report | undefined;
  /** Absent while it waits or is run. */
  readonly outcome: Outcome<Ending> | undefined;
}

/** A task as its handler has it. */
export interface TakenTask<Payload, Report> {
  readonly id: string;
  readonly payload: Payload;
  /** Resolves when the queue has it. */
  report(report: Report): Promise<void>;
  /** Whether a cancel stands on it now. */
  isCanceled(): Promise<boolean>;
}

export type Handler<Payload, Report, Ending> = (task: TakenTask<Payload, Report>) => Promise<Ending | undefined>;

export interface ConsumerOptions {
  /** Runs at a time. */
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Between heartbeats; by itself half of `leaseMs`. */
  readonly heartbeatMs?: number;
  /** Leases ended while their handlers run: others may have the tasks. */
  readonly onLost?: (ids: readonly string[]) => void;
}

export interface Consumer {
  /** Takes no more. Resolves when its handlers have returned. */
  close(): Promise<void>;
}

export interface QueueListeners<Report, Ending> {
  readonly report?: (id: string, report: Report) => void;
  readonly outcome?: (id: string, outcome: Outcome<Ending>) => void;
  /** A cancel of a task that is run. */
  readonly canceled?: (id: string) => void;
  /** A worker said that it is there. */
  readonly alive?: () => void;
  /** Events are heard again after the datastore was away: some may have been missed. */
  readonly missed?: () => void;
}

export interface Subscription {
  /** Resolves once events are heard. */
  readonly open: Promise<void>;
  close(): Promise<void>;
}

export interface WorkQueue<Payload extends object, Report extends object, Ending> {
  enqueue(id: string, payload: Payload): Promise<void>;
  has(id: string): Promise<boolean>;
  find(id: string): Promise<FoundTask<Payload, Report, Ending> | undefined>;
  /** Nothing is changed once `abandoned` has fired: then it throws the signal's reason. */
  cancel(id: string, abandoned?: AbortSignal): Promise<CancelAnswer>;
  /** Removes a task that nobody runs, with its outcome. */
  forget(id: string): Promise<void>;
  listen(listeners: QueueListeners<Report, Ending>): Subscription;
  take(handler: Handler<Payload, Report, Ending>, options: ConsumerOptions): Consumer;
  /** A worker says that it is there, to who listens now. */
  announce(): Promise<void>;
  /** Call it after its consumers and subscriptions are closed. */
  close(): Promise<void>;
}

/** Who else has the datastore, where anybody does. */
export interface FirstLook {
  /** The record whose jobs it holds, another than ours. */
  readonly foreign?: string;
  /** The process that serves our record: it is there twice. */
  readonly inUseBy?: string;
}

/** Where queues are. Producer and consumers open theirs here and don't ask where that is: in one process they share the object. */
export interface Transport {
  queue<Payload extends object, Report extends object, Ending>(spec: QueueSpec): WorkQueue<Payload, Report, Ending>;
  /** Why it can not be used now, when that is known. */
  away(): string | undefined;
  /** True, or why it can not be used now, or not yet. */
  ready(): true | string;
  /** Called each time the datastore can be used again after it was away. */
  onReturn(listener: () => void): void;
  /** Called when the datastore has lost what it held, before it counts as back: tasks that are run have lost their place. */
  onEmptied(listener: () => void): void;
  /** Resolves, soon, with who else has the datastore. */
  readonly firstLook: Promise<FirstLook>;
  /** Call it after everything that was opened here is closed. */
  close(): Promise<void>;
}
