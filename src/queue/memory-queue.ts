import type {
  Consumer,
  ConsumerOptions,
  FoundTask,
  Handler,
  Outcome,
  QueueListeners,
  QueueSpec,
  Subscription,
  Transport,
  WorkQueue,
} from './work-queue.js';

interface Task<Payload, Report, Ending> extends FoundTask<Payload, Report, Ending> {
  readonly id: string;
  lastReport: Report | undefined;
  outcome: Outcome<Ending> | undefined;
  endedMs: number;
  canceled: boolean;
  /** Of the run that has it. */
  lease: object | undefined;
  thrown: number;
  lost: number;
}

/**
 * A queue in this process's memory: nothing to install, nothing survives the process (the record does, and what is unfinished is
 * queued again at boot). Every method does its work before it first awaits, so each is one step.
 */
class MemoryQueue<Payload extends object, Report extends object, Ending> implements WorkQueue<Payload, Report, Ending> {
  readonly #spec: QueueSpec;
  readonly #onError: (error: Error) => void;
  readonly #tasks = new Map<string, Task<Payload, Report, Ending>>();
  /** The next one to be handed out is first. */
  readonly #waiting: Task<Payload, Report, Ending>[] = [];
  readonly #listeners = new Set<QueueListeners<Report, Ending>>();
  /** Of each consumer: takes as many tasks as it has room for. */
  readonly #takers = new Set<() => void>();

  constructor(spec: QueueSpec, onError: (error: Error) => void) {
    this.#spec = spec;
    this.#onError = onError;
  }

  async enqueue(id: string, payload: Payload): Promise<void> {
    if (this.#tasks.has(id)) return;
    const fresh = { lastReport: undefined, outcome: undefined, endedMs: Number.POSITIVE_INFINITY, lease: undefined };
    const task = { id, payload: asSent(payload), ...fresh, canceled: false, thrown: 0, lost: 0 };
    this.#tasks.set(id, task);
    this.#waiting.push(task);
    this.#handOut();
  }

  async has(id: string): Promise<boolean> {
    return this.#tasks.has(id);
  }

  async find(id: string): Promise<FoundTask<Payload, Report, Ending> | undefined> {
    const task = this.#tasks.get(id);
    return task && { payload: task.payload, lastReport: task.lastReport, outcome: task.outcome };
  }

  async cancel(id: string, abandoned?: AbortSignal): ReturnType<WorkQueue<Payload, Report, Ending>['cancel']> {
    abandoned?.throwIfAborted();
    const task = this.#tasks.get(id);
    if (task === undefined || task.outcome !== undefined) return 'unknown';
    if (task.lease === undefined) {
      this.#remove(task);
      return 'removed';
    }
    task.canceled = true;
    this.#tell((listeners) => listeners.canceled?.(id));
    return 'signaled';
  }

  async forget(id: string): Promise<void> {
    const task = this.#tasks.get(id);
    if (task !== undefined && task.lease === undefined) this.#remove(task);
  }

  listen(listeners: QueueListeners<Report, Ending>): Subscription {
    this.#listeners.add(listeners);
    return { open: Promise.resolve(), close: async () => void this.#listeners.delete(listeners) };
  }

  take(handler: Handler<Payload, Report, Ending>, options: ConsumerOptions): Consumer {
    const runs = new Set<Promise<void>>();
    const taker = (): void => {
      while (runs.size < options.concurrency && this.#takers.has(taker)) {
        const task = this.#waiting.shift();
        if (task === undefined) return;
        const run: Promise<void> = this.#run(task, handler, options).finally(() => {
          runs.delete(run);
          taker();
        });
        runs.add(run);
      }
    };
    this.#takers.add(taker);
    taker();
    return {
      close: async () => {
        this.#takers.delete(taker);
        await Promise.all(runs);
      },
    };
  }

  async announce(): Promise<void> {
    this.#tell((listeners) => listeners.alive?.());
  }

  async close(): Promise<void> {}

  async #run(
    task: Task<Payload, Report, Ending>,
    handler: Handler<Payload, Report, Ending>,
    { leaseMs, heartbeatMs = leaseMs / 2, onLost }: ConsumerOptions,
  ): Promise<void> {
    const lease = {};
    task.lease = lease;
    const { id, payload } = task;
    let renewedMs = performance.now();
    const lose = (): void => {
      clearTimeout(expiry);
      clearInterval(heartbeat);
      onLost?.([id]);
      this.#lose(task);
    };
    const expiry = setTimeout(lose, leaseMs);
    const heartbeat = setInterval(() => {
      // Too late where the process stood still: the children of a worker go by the clock, too.
      if (performance.now() - renewedMs >= leaseMs) return lose();
      renewedMs = performance.now();
      expiry.refresh();
    }, heartbeatMs);
    const report = async (report: Report): Promise<void> => {
      if (task.lease !== lease) throw lateFor(id);
      const sent = asSent(report);
      task.lastReport = sent;
      this.#tell((listeners) => listeners.report?.(id, sent));
    };
    let settle: () => void;
    try {
      const ending = await handler({ id, payload, report, isCanceled: async () => task.canceled });
      const outcome = ending === undefined ? undefined : { ending: asSent(ending) };
      settle = () => (outcome === undefined ? this.#putFirst(task) : this.#end(task, outcome));
    } catch (error) {
      settle = () => this.#countThrow(task, error);
    }
    clearTimeout(expiry);
    clearInterval(heartbeat);
    if (task.lease !== lease) return this.#onError(lateFor(id));
    task.lease = undefined;
    settle();
  }

  #lose(task: Task<Payload, Report, Ending>): void {
    task.lease = undefined;
    task.lost += 1;
    if (task.lost > this.#spec.mostLosses) this.#end(task, { failure: 'its worker died or stood still too often' });
    else this.#putFirst(task);
  }

  #countThrow(task: Task<Payload, Report, Ending>, error: unknown): void {
    task.thrown += 1;
    if (task.thrown >= this.#spec.attempts) {
      this.#end(task, { failure: error instanceof Error ? error.message : String(error) });
    } else {
      this.#waiting.push(task);
      this.#handOut();
    }
  }

  #end(task: Task<Payload, Report, Ending>, outcome: Outcome<Ending>): void {
    const now = Date.now();
    for (const [id, { endedMs }] of this.#tasks) if (now - endedMs > this.#spec.keepS * 1000) this.#tasks.delete(id);
    task.outcome = outcome;
    task.endedMs = now;
    this.#tell((listeners) => listeners.outcome?.(task.id, outcome));
  }

  #putFirst(task: Task<Payload, Report, Ending>): void {
    this.#waiting.unshift(task);
    this.#handOut();
  }

  #handOut(): void {
    for (const take of this.#takers) take();
  }

  #remove(task: Task<Payload, Report, Ending>): void {
    this.#tasks.delete(task.id);
    const index = this.#waiting.indexOf(task);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  /** After the step that it tells of, and one after the other. */
  #tell(hear: (listeners: QueueListeners<Report, Ending>) => void): void {
    setImmediate(() => {
      for (const listeners of this.#listeners) {
        try {
          hear(listeners);
        } catch (error) {
          this.#onError(new Error(`a listener of ${this.#spec.name} threw`, { cause: error }));
        }
      }
    });
  }
}

/** The queues of one process. `onError` hears what can be told to nobody. */
export function openMemoryTransport(onError: (error: Error) => void): Transport {
  const queues = new Map<string, MemoryQueue<never, never, never>>();
  return {
    queue: <Payload extends object, Report extends object, Ending>(spec: QueueSpec) => {
      const queue = queues.get(spec.name) ?? new MemoryQueue<never, never, never>(spec, onError);
      queues.set(spec.name, queue);
      return queue as unknown as WorkQueue<Payload, Report, Ending>;
    },
    away: () => undefined,
    ready: () => true,
    onReturn: () => {},
    onEmptied: () => {},
    firstLook: Promise.resolve({}),
    close: async () => {},
  };
}

/** As it would come out of another process. */
function asSent<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

function lateFor(id: string): Error {
  return new Error(`the lease on ${id} has ended: what its run brings comes too late`);
}
