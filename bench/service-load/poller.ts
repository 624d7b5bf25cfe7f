/** The client that polls, a process of its own, told what to do by its parent: no other client's work delays it. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, openConnection } from '../keep-alive.js';

export interface PollOrder {
  readonly url: string;
  /** Asked for in turns. */
  readonly paths: readonly string[];
  readonly connections: number;
  /** Requests a second, however long answers take; absent: each connection asks as soon as it has its answer. */
  readonly perSecond?: number;
}

export interface PollRecord {
  /** When each request was due, in milliseconds since the epoch. */
  readonly dueMs: number[];
  /** From when it was due to the end of its answer, in the same order. */
  readonly latencyMs: number[];
  /** How much later than due it could be sent by this process, which had to wait for the processor or its timer. */
  readonly lateMs: number[];
  /** Answers other than 200, by status. */
  readonly others: Readonly<Record<string, number>>;
}

let stopping = false;

/** The first message is the order, the second ends it; the answer is the record. */
process.on('message', (order: PollOrder | 'stop') => {
  if (order === 'stop') stopping = true;
  else void poll(order).then((record) => process.send!(record, () => process.disconnect()));
});

async function poll({ url, paths, connections, perSecond }: PollOrder): Promise<PollRecord> {
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(url)));
  const record = { dueMs: [] as number[], latencyMs: [] as number[], lateMs: [] as number[] };
  const others: Record<string, number> = {};
  let turn = 0;
  const ask = async (connection: Connection, due: number): Promise<void> => {
    const { status } = await connection.get(paths[turn++ % paths.length]);
    record.dueMs.push(performance.timeOrigin + due);
    record.latencyMs.push(performance.now() - due);
    if (status !== 200) others[status] = (others[status] ?? 0) + 1;
  };
  if (perSecond === undefined) {
    const askAgain = async (connection: Connection) => {
      while (!stopping) await ask(connection, performance.now());
    };
    await Promise.all(open.map(askAgain));
  } else {
    const free = [...open];
    /** Requests that are due, and have no connection yet. */
    const due: number[] = [];
    const send = async (): Promise<void> => {
      if (due.length === 0 || free.length === 0) return;
      const connection = free.pop()!;
      await ask(connection, due.shift()!);
      free.push(connection);
      await send();
    };
    const sent: Promise<void>[] = [];
    const begin = performance.now();
    for (let i = 0; !stopping; i++) {
      const next = begin + (i * 1000) / perSecond;
      const left = next - performance.now();
      if (left > 0) await sleep(left);
      record.lateMs.push(performance.now() - next);
      due.push(next);
      sent.push(send());
    }
    await Promise.all(sent);
  }
  for (const connection of open) connection.close();
  return { ...record, others };
}
