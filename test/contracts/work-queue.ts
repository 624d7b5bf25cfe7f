import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  Consumer,
  ConsumerOptions,
  Handler,
  Outcome,
  QueueSpec,
  Subscription,
  Transport,
  WorkQueue,
} from '../../src/queue/work-queue.js';
import { gate } from './reports.js';

interface Payload {
  readonly n: number;
}

interface Report {
  readonly says: string;
}

type Queue = WorkQueue<Payload, Report, string>;
type Heard = readonly [kind: 'report' | 'outcome' | 'canceled' | 'alive', id?: string, what?: unknown];

const SPEC: QueueSpec = { name: 'contract', attempts: 3, mostLosses: 2, keepS: 600 };

const ONE: ConsumerOptions = { concurrency: 1, leaseMs: 10_000 };

/** It dies after its first breath, as far as the queue can see. */
const DEAD: ConsumerOptions = { concurrency: 1, leaseMs: 100, heartbeatMs: 60_000 };

/** Looks often for what the dead leave. */
const QUICK: ConsumerOptions = { concurrency: 1, leaseMs: 1000 };

/** What every kind of queue must do (src/queue/work-queue.ts). `open` gives a fresh, empty one. */
export function workQueueContract(open: (onError: (error: Error) => void) => Transport): void {
  let transport: Transport;
  let queue: Queue;
  let errors: string[];
  let heard: Heard[];
  let subscription: Subscription;
  let consumers: Consumer[];
  let queues: Queue[];

  beforeEach(async () => {
    errors = [];
    heard = [];
    consumers = [];
    queues = [];
    transport = open(({ message }) => errors.push(message));
    queue = openQueue();
    subscription = queue.listen({
      report: (...what) => heard.push(['report', ...what]),
      outcome: (...what) => heard.push(['outcome', ...what]),
      canceled: (id) => heard.push(['canceled', id]),
      alive: () => heard.push(['alive']),
    });
    await subscription.open;
  });

  afterEach(async () => {
    await Promise.all(consumers.map((consumer) => consumer.close()));
    await subscription.close();
    await Promise.all(queues.map((each) => each.close()));
    await transport.close();
  });

  const openQueue = (spec = SPEC): Queue => {
    const opened: Queue = transport.queue(spec);
    queues.push(opened);
    return opened;
  };
  const take = (handler: Handler<Payload, Report, string>, options = ONE, from = queue): Consumer => {
    const consumer = from.take(handler, options);
    consumers.push(consumer);
    return consumer;
  };
  const outcomesOf = (id: string) =>
    heard.flatMap(([kind, of, what]) => (kind === 'outcome' && of === id ? [what] : []));
  const outcomeOf = async (id: string): Promise<Outcome<string>> => {
    await expect.poll(() => outcomesOf(id), { timeout: 20_000 }).not.toEqual([]);
    return outcomesOf(id)[0] as Outcome<string>;
  };
  const ended = async ({ payload }: { payload: Payload }) => `ended ${payload.n}`;

  test('it can be used, and nobody else has it', async () => {
    expect(await transport.firstLook).toEqual({});
    expect(transport.ready()).toBe(true);
    expect(transport.away()).toBeUndefined();
  });

  test('tasks are handed out in the order in which they came, and end in what their handlers return', async () => {
    const ran: [string, number][] = [];
    for (const n of [1, 2, 3]) await queue.enqueue(`task-${n}`, { n });
    take(async ({ id, payload }) => {
      ran.push([id, payload.n]);
      return ended({ payload });
    });
    expect(await outcomeOf('task-3')).toEqual({ ending: 'ended 3' });
    expect(ran).toEqual([1, 2, 3].map((n) => [`task-${n}`, n]));
    expect(heard).toEqual([1, 2, 3].map((n) => ['outcome', `task-${n}`, { ending: `ended ${n}` }]));
  });

  test('consumers run as many at a time as they say, and each task once', async () => {
    const ran: number[] = [];
    let now = 0;
    let most = 0;
    const handler = async ({ payload }: { payload: Payload }) => {
      most = Math.max(most, ++now);
      await new Promise((next) => setTimeout(next, 5));
      now -= 1;
      ran.push(payload.n);
      return 'ended';
    };
    const all = Array.from({ length: 50 }, (_, n) => n);
    for (const n of all) await queue.enqueue(`task-${n}`, { n });
    take(handler, { ...ONE, concurrency: 3 });
    take(handler);
    for (const n of all) await outcomeOf(`task-${n}`);
    expect(ran.sort((a, b) => a - b)).toEqual(all);
    expect(most).toBe(4);
  });

  test('a task is there once: while it waits, while it is run, and with its outcome until it is forgotten', async () => {
    const go = gate();
    let runs = 0;
    expect([await queue.has('a'), await queue.find('a')]).toEqual([false, undefined]);
    await queue.enqueue('a', { n: 1 });
    await queue.enqueue('a', { n: 2 });
    expect(await queue.has('a')).toBe(true);
    expect(await queue.find('a')).toEqual({ payload: { n: 1 }, lastReport: undefined, outcome: undefined });
    take(async ({ payload }) => {
      runs += 1;
      await go.passed;
      return ended({ payload });
    });
    await expect.poll(() => runs).toBe(1);
    await queue.enqueue('a', { n: 3 });
    go.open();
    await outcomeOf('a');
    await queue.enqueue('a', { n: 4 });
    expect(await queue.find('a')).toMatchObject({ payload: { n: 1 }, outcome: { ending: 'ended 1' } });
    await queue.forget('a');
    expect([await queue.has('a'), await queue.find('a')]).toEqual([false, undefined]);
    await queue.enqueue('a', { n: 5 });
    await expect.poll(() => outcomesOf('a')).toEqual([{ ending: 'ended 1' }, { ending: 'ended 5' }]);
    expect(runs).toBe(2);
  });

  test('what is opened twice is one queue, and another name is another', async () => {
    const other = openQueue({ ...SPEC, name: 'other' });
    await other.enqueue('a', { n: 1 });
    await queue.enqueue('b', { n: 2 });
    take(ended, ONE, openQueue());
    await outcomeOf('b');
    expect([await queue.has('a'), await other.has('b')]).toEqual([false, false]);
    expect(await other.find('a')).toMatchObject({ outcome: undefined });
  });

  test('reports are heard in order, before the outcome, and the last one is kept', async () => {
    const says = Array.from({ length: 20 }, (_, n) => ({ says: `${n}` }));
    take(async ({ report }) => {
      for (const each of says) await report(each);
      return 'ended';
    });
    await queue.enqueue('a', { n: 1 });
    await outcomeOf('a');
    expect(heard).toEqual([...says.map((each) => ['report', 'a', each]), ['outcome', 'a', { ending: 'ended' }]]);
    expect(await queue.find('a')).toMatchObject({ lastReport: { says: '19' } });
  });

  test('who listens no more hears nothing more', async () => {
    await subscription.close();
    const other = queue.listen({ outcome: (id) => heard.push(['alive', id]) });
    await other.open;
    take(ended);
    await queue.enqueue('a', { n: 1 });
    await expect.poll(() => heard).toEqual([['alive', 'a']]);
    await other.close();
  });

  test('workers that say they are there are heard', async () => {
    await openQueue().announce();
    await expect.poll(() => heard).toEqual([['alive']]);
  });

  describe('a run that throws', () => {
    test('is tried again, and lets others go on', async () => {
      let runs = 0;
      await queue.enqueue('a', { n: 1 });
      await queue.enqueue('b', { n: 2 });
      take(async ({ id, payload }) => {
        if (id === 'a' && ++runs < 3) throw new Error('broken');
        return ended({ payload });
      });
      expect(await outcomeOf('a')).toEqual({ ending: 'ended 1' });
      expect(await outcomeOf('b')).toEqual({ ending: 'ended 2' });
      expect(runs).toBe(3);
    });

    test('each time makes its task fail, with the last reason; the queue goes on', async () => {
      let runs = 0;
      take(async ({ id, report }) => {
        if (id === 'b') return 'ended';
        await report({ says: `run ${++runs}` });
        throw new Error(`broken ${runs}`);
      });
      await queue.enqueue('a', { n: 1 });
      expect(await outcomeOf('a')).toEqual({ failure: 'broken 3' });
      expect(runs).toBe(3);
      await queue.enqueue('a', { n: 1 });
      const found = { payload: { n: 1 }, lastReport: { says: 'run 3' }, outcome: { failure: 'broken 3' } };
      expect(await queue.find('a')).toEqual(found);
      await queue.enqueue('b', { n: 2 });
      await outcomeOf('b');
      expect([runs, outcomesOf('a').length]).toEqual([3, 1]);
    });
  });

  test('an ending that is no JSON counts as a throw', async () => {
    let runs = 0;
    take(async () => {
      runs += 1;
      return 1n as never;
    });
    await queue.enqueue('a', { n: 1 });
    expect(await outcomeOf('a')).toEqual({ failure: expect.stringContaining('BigInt') });
    expect(runs).toBe(3);
  });

  describe('a task that is given back', () => {
    test('is the next to be handed out, and may be so any number of times', async () => {
      const ran: string[] = [];
      await queue.enqueue('a', { n: 1 });
      await queue.enqueue('b', { n: 2 });
      take(async ({ id }) => {
        ran.push(id);
        return id === 'a' && ran.length < 6 ? undefined : 'ended';
      });
      await outcomeOf('b');
      expect(ran).toEqual(['a', 'a', 'a', 'a', 'a', 'a', 'b']);
      expect(outcomesOf('a')).toEqual([{ ending: 'ended' }]);
    });

    test('by a consumer that closes goes to another, and no other task to the one that closes', async () => {
      const steps: string[] = [];
      const running = gate();
      const stop = gate();
      const first = take(async ({ id }) => {
        steps.push(`takes ${id}`);
        running.open();
        await stop.passed;
        steps.push('gives it back');
        return undefined;
      });
      await queue.enqueue('a', { n: 1 });
      await queue.enqueue('b', { n: 2 });
      await running.passed;
      const closed = first.close().then(() => steps.push('closed'));
      await new Promise((later) => setTimeout(later, 100));
      stop.open();
      await closed;
      expect(steps).toEqual(['takes a', 'gives it back', 'closed']);
      expect(await queue.find('a')).toMatchObject({ outcome: undefined });
      take(ended);
      expect(await outcomeOf('a')).toEqual({ ending: 'ended 1' });
      expect(await outcomeOf('b')).toEqual({ ending: 'ended 2' });
    });
  });

  describe('a lease', () => {
    test('without heartbeats ends: the task goes to another consumer, before those that wait', async () => {
      const dead = gate();
      const taken = gate();
      take(async () => {
        taken.open();
        await dead.passed;
        return 'too late';
      }, DEAD);
      await queue.enqueue('a', { n: 1 });
      await taken.passed;
      await queue.enqueue('b', { n: 2 });
      // It has no room for another, and finds the task at its next look.
      const ran: string[] = [];
      const busy = gate();
      take(async ({ id, payload }) => {
        ran.push(id);
        if (id === 'b') await busy.passed;
        return ended({ payload });
      }, QUICK);
      await expect.poll(() => ran).toContain('b');
      await queue.enqueue('c', { n: 3 });
      await new Promise((later) => setTimeout(later, 1000));
      busy.open();
      await outcomeOf('c');
      expect(ran).toEqual(['b', 'a', 'c']);
      // What the first brings now comes too late: it is an error there, and no second outcome here.
      dead.open();
      await expect.poll(() => errors.join()).toMatch(/lease on a has ended|Missing (lock|key) for job a/);
      expect(outcomesOf('a')).toEqual([{ ending: 'ended 1' }]);
      expect(await queue.find('a')).toMatchObject({ outcome: { ending: 'ended 1' } });
    });

    test('that is lost too often makes the task fail', async () => {
      const dead = gate();
      let runs = 0;
      const handler = async () => {
        runs += 1;
        await dead.passed;
        return 'too late';
      };
      await queue.enqueue('a', { n: 1 });
      for (const count of [1, 2, 3]) {
        take(handler, DEAD);
        await expect.poll(() => runs, { timeout: 5000 }).toBe(count);
      }
      take(handler, QUICK);
      expect(await outcomeOf('a')).toEqual({ failure: expect.stringMatching(/stalled|died or stood still/) });
      dead.open();
      await expect.poll(() => errors.length).toBeGreaterThan(0);
      expect([runs, outcomesOf('a').length]).toEqual([3, 1]);
    });

    test('is told to be lost to who held it', async () => {
      const go = gate();
      const lost = gate<readonly string[]>();
      take(
        async () => {
          await go.passed;
          return undefined;
        },
        { concurrency: 1, leaseMs: 100, heartbeatMs: 2000, onLost: lost.open },
      );
      await queue.enqueue('a', { n: 1 });
      expect(await lost.passed).toEqual(['a']);
      go.open();
      take(ended, QUICK);
      expect(await outcomeOf('a')).toEqual({ ending: 'ended 1' });
    });

    test('ends while the process of its consumer stands still', async () => {
      const lost = gate<readonly string[]>();
      let runs = 0;
      const handler: Handler<Payload, Report, string> = async ({ payload }) => {
        if (++runs > 1) return ended({ payload });
        const untilMs = performance.now() + 900;
        while (performance.now() < untilMs);
        await lost.passed;
        return undefined;
      };
      take(handler, { concurrency: 1, leaseMs: 300, onLost: lost.open });
      await queue.enqueue('a', { n: 1 });
      expect(await lost.passed).toEqual(['a']);
      expect(await outcomeOf('a')).toEqual({ ending: 'ended 1' });
      expect(runs).toBe(2);
    });

    test('with heartbeats lasts as long as the run', async () => {
      let runs = 0;
      const handler = async ({ payload }: { payload: Payload }) => {
        runs += 1;
        await new Promise((later) => setTimeout(later, 3500));
        return ended({ payload });
      };
      take(handler, QUICK);
      take(handler, QUICK);
      await queue.enqueue('a', { n: 1 });
      expect(await outcomeOf('a')).toEqual({ ending: 'ended 1' });
      expect([runs, errors]).toEqual([1, []]);
    });
  });

  describe('a cancel', () => {
    test('removes a task that waits, which then never runs', async () => {
      const ran: string[] = [];
      await queue.enqueue('a', { n: 1 });
      await queue.enqueue('b', { n: 2 });
      expect(await queue.cancel('a')).toBe('removed');
      expect(await queue.has('a')).toBe(false);
      expect(await queue.cancel('a')).toBe('unknown');
      take(async ({ id }) => {
        ran.push(id);
        return 'ended';
      });
      await outcomeOf('b');
      expect(ran).toEqual(['b']);
      expect(heard.map(([kind]) => kind)).toEqual(['outcome']);
    });

    test('of a task that is run is heard, and stands on it for this run and the next; its payload stays', async () => {
      const seen: [Payload, boolean, boolean][] = [];
      const running = gate();
      const canceled = gate();
      take(async ({ payload, isCanceled }) => {
        const before = await isCanceled();
        running.open();
        await canceled.passed;
        seen.push([payload, before, await isCanceled()]);
        return seen.length === 1 ? undefined : 'ended';
      });
      await queue.enqueue('a', { n: 1 });
      await running.passed;
      expect(await queue.cancel('a')).toBe('signaled');
      canceled.open();
      await outcomeOf('a');
      expect(seen).toEqual([
        [{ n: 1 }, false, true],
        [{ n: 1 }, true, true],
      ]);
      expect(heard).toContainEqual(['canceled', 'a']);
      expect(await queue.cancel('a')).toBe('unknown');
    });

    test('whose caller has gone changes nothing', async () => {
      await queue.enqueue('a', { n: 1 });
      await expect(queue.cancel('a', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
      take(ended);
      expect(await outcomeOf('a')).toEqual({ ending: 'ended 1' });
    });
  });

  test('what is run is not forgotten, what waits is', async () => {
    const running = gate();
    const go = gate();
    take(async ({ payload }) => {
      running.open();
      await go.passed;
      return ended({ payload });
    });
    await queue.enqueue('a', { n: 1 });
    await queue.enqueue('b', { n: 2 });
    await running.passed;
    await queue.forget('a');
    await queue.forget('b');
    go.open();
    expect(await outcomeOf('a')).toEqual({ ending: 'ended 1' });
    expect([await queue.has('a'), await queue.has('b')]).toEqual([true, false]);
    expect(outcomesOf('b')).toEqual([]);
  });

  test('an outcome that nobody forgets goes with its age', async () => {
    const brief = openQueue({ ...SPEC, name: 'brief', keepS: 1 });
    take(ended, ONE, brief);
    await brief.enqueue('a', { n: 1 });
    await expect.poll(async () => (await brief.find('a'))?.outcome).toEqual({ ending: 'ended 1' });
    let n = 1;
    const another = async () => {
      await brief.enqueue(`task-${++n}`, { n });
      return brief.has('a');
    };
    await expect.poll(another, { interval: 300, timeout: 10_000 }).toBe(false);
  });

  test('a listener that throws is told of, and the others hear', async () => {
    const deaf = queue.listen({
      outcome: () => {
        throw new Error('not me');
      },
    });
    const after: string[] = [];
    const other = queue.listen({ outcome: (id) => after.push(id) });
    await Promise.all([deaf.open, other.open]);
    take(ended);
    await queue.enqueue('a', { n: 1 });
    await expect.poll(() => after).toEqual(['a']);
    expect(await outcomeOf('a')).toEqual({ ending: 'ended 1' });
    await expect.poll(() => errors.join()).toMatch(/not me|a listener of contract threw/);
    await Promise.all([deaf.close(), other.close()]);
  });

  test('tasks are what they were when they were sent', async () => {
    const payload = { n: 1, extra: undefined };
    const says = { says: 'before' };
    take(async ({ payload: got, report }) => {
      await report(says);
      says.says = 'after';
      return JSON.stringify(got);
    });
    await queue.enqueue('a', payload);
    payload.n = 2;
    expect(await outcomeOf('a')).toEqual({ ending: '{"n":1}' });
    expect(heard[0]).toEqual(['report', 'a', { says: 'before' }]);
  });
}
