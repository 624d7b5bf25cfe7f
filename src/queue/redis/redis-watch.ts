/** Whether Redis can be used: looked at every second, not guessed from the connection. */
import type { Redis } from 'ioredis';
import { closeWithin } from '../closing.js';
import type { FirstLook } from '../work-queue.js';
import { LEASE_MS, Lease } from './lease.js';

const LOOK_MS = 1000;

/** A look that takes longer says that Redis is away; so does the patience of requests (availability.ts). */
const ANSWER_MS = 3000;

/** Long enough for every worker to see that Redis is empty, and to stop the children whose jobs are put back after it. */
const EMPTIED_MS = 3 * LOOK_MS;

/** A Redis that answers does so within this. */
const RELEASE_MS = 1000;

/** BullMQ's scripts are tried with this one and those after it. */
const OLDEST_REDIS = '6.2';

export interface RedisWatchOptions {
  readonly client: Redis;
  /** Of every key; two services on one Redis need two. */
  readonly prefix: string;
  /** The record whose jobs these are, for its API: it marks Redis as its own. Workers have none, and serve whichever API did. */
  readonly owner: string | undefined;
  readonly onError: (error: Error) => void;
}

export interface RedisWatch {
  /** Why it can not be used now, when that is known. */
  away(): string | undefined;
  /** True, or why it can not be used now, or not yet. */
  ready(): true | string;
  /**
   * Resolves with what the first look found; with nothing where there is no answer within {@link ANSWER_MS}. It takes longer, as
   * long as a lease, where nobody can say yet whether who has it lives.
   */
  readonly firstLook: Promise<FirstLook>;
  /** Called each time Redis can be used again, and at first. */
  onReturn(listener: () => void): void;
  /** Called when Redis has lost what it held, on its way back. */
  onEmptied(listener: () => void): void;
  /** Looks no more, and lets another process serve this record. */
  stop(): Promise<void>;
}

/** Who put jobs here: `record` is for good, `epoch` is new each time Redis was found empty. */
interface Mark {
  readonly record: string;
  readonly epoch: string;
}

/**
 * Watches a Redis: it may be gone, silent, full, read-only, empty, too old or another service's. A connection says nothing
 * of most of these, so each look writes.
 */
export function watchRedis({ client, prefix, owner, onError }: RedisWatchOptions): RedisWatch {
  const markKey = `${prefix}:owner`;
  const returned = new Set<() => void>();
  const emptied = new Set<() => void>();
  let state: true | string | undefined;
  let reported: string | undefined;
  let epoch: string | undefined;
  let emptiedMs = -Infinity;
  let checkedVersion = false;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let looking = false;
  let waiting = false;
  const lease = owner === undefined ? undefined : new Lease(client, `${prefix}:lease`);
  let tellFirst = (_found: FirstLook): void => {};
  const firstLook = new Promise<FirstLook>((resolve) => {
    tellFirst = resolve;
  });
  const noAnswer = setTimeout(() => tellFirst({}), ANSWER_MS);
  noAnswer.unref();

  const set = (next: true | string, cause?: Error): void => {
    const before = state;
    state = next;
    if (next === true) {
      reported = undefined;
      if (before !== true) for (const listener of returned) listener();
    } else if (next !== reported) {
      reported = next;
      // Who asks the API hears no address; the log has it.
      onError(new Error(cause?.message ? `${next}: ${cause.message}` : next, cause && { cause }));
    }
  };

  /** What stands in the way, or undefined. */
  const look = async (): Promise<string | undefined> => {
    if (!checkedVersion) {
      const version = /^redis_version:(\S+)/m.exec(await client.info('server'))?.[1] ?? OLDEST_REDIS;
      if (isOlder(version, OLDEST_REDIS)) return `Redis is too old: it is ${version}, and ${OLDEST_REDIS} is needed`;
      checkedVersion = true;
    }
    const found = readMark(await client.get(markKey));
    if (found !== undefined && owner !== undefined && found.record !== owner) {
      tellFirst({ foreign: found.record });
      return `Redis holds the jobs of another service (its mark is the key "${markKey}")`;
    }
    await client.set(`${prefix}:written`, new Date().toISOString());
    const taken = await findTwin();
    if (taken !== undefined) return taken;
    const mark = found ?? (await leaveMark());
    if (epoch !== undefined && epoch !== mark?.epoch) {
      emptiedMs = Date.now();
      for (const listener of emptied) listener();
    }
    epoch = mark?.epoch;
    return Date.now() - emptiedMs < EMPTIED_MS ? 'Redis has lost its data; jobs are queued again' : undefined;
  };

  /** Another process that serves this record, or did until a moment ago. */
  const findTwin = async (): Promise<string | undefined> => {
    // Not after it was released.
    const other = stopped ? undefined : await lease?.take();
    if (other === undefined) return undefined;
    if (other.alive) {
      tellFirst({ inUseBy: other.name });
      return 'another service with the same record uses this Redis';
    }
    clearTimeout(noAnswer);
    waiting = true;
    return `a service with the same record used this Redis a moment ago; waiting for its lease to end, ${LEASE_MS / 1000} s at most`;
  };

  const leaveMark = async (): Promise<Mark | undefined> => {
    if (owner === undefined) return undefined;
    const mark: Mark = { record: owner, epoch: `${Date.now()}` };
    // Another API may be at it: whoever comes first has it, and the next look says whose it is.
    return (await client.set(markKey, `${mark.record} ${mark.epoch}`, 'NX')) === 'OK' ? mark : undefined;
  };

  const lookAgain = async (): Promise<void> => {
    const late = setTimeout(() => set(`Redis has not answered for ${ANSWER_MS / 1000} s`), ANSWER_MS);
    waiting = false;
    try {
      set((await look()) ?? true);
    } catch (cause) {
      // What the connection has to say comes from its own events.
      if (client.status === 'ready') set(refusal(cause as Error), cause as Error);
    } finally {
      clearTimeout(late);
      if (!waiting) tellFirst({});
      looking = false;
      if (!stopped) timer = setTimeout(next, LOOK_MS);
    }
  };

  /** One look at a time: a connection that is back asks for one, too. */
  const next = (): void => {
    if (stopped || looking || client.status !== 'ready') return;
    looking = true;
    clearTimeout(timer);
    void lookAgain();
  };

  client.on('error', (error: Error) => {
    const { code } = error as NodeJS.ErrnoException;
    set(`Redis can not be reached: ${code ?? error.name}`, error);
    tellFirst({});
  });
  client.on('close', () => {
    checkedVersion = false;
    if (state === true) state = 'the connection to Redis is closed';
  });
  client.on('ready', next);

  const current = (): true | string | undefined =>
    state === true && lease?.isSure === false ? 'Redis was not looked at for some seconds' : state;

  return {
    away: () => {
      const now = current();
      return now === true ? undefined : now;
    },
    ready: () => current() ?? 'Redis has not answered yet',
    firstLook,
    onReturn: (listener) => void returned.add(listener),
    onEmptied: (listener) => void emptied.add(listener),
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      if (client.status === 'ready') await closeWithin(RELEASE_MS, [lease?.release().catch(() => {})]);
    },
  };
}

function readMark(text: string | null): Mark | undefined {
  if (text === null) return undefined;
  const [record, epoch] = text.split(' ');
  return { record, epoch };
}

/** `OOM command not allowed…`, `READONLY You can't write…`: the first word is Redis's own code; the rest may name addresses. */
function refusal({ name, message }: Error): string {
  return `Redis refuses to be written (${/^[A-Z]+\b/.exec(message)?.[0] ?? name})`;
}

function isOlder(version: string, than: string): boolean {
  const [one, other] = [version, than].map((v) => v.split('.').map(Number));
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);
}
