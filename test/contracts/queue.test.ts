import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openMemoryQueue, openRedisQueue, openRedisTransport } from '../../src/queue/index.js';
import { openMemoryTransport } from '../../src/queue/memory-queue.js';
import { queueContract } from './queue.js';
import { describeRedis, type PrivateRedis, startRedis } from './redis-server.js';
import { workQueueContract } from './work-queue.js';

describe('in memory', () => {
  describe('a work queue', () => workQueueContract(openMemoryTransport));
  describe('the queue of jobs', () => queueContract((onError) => openMemoryQueue({ onError })));
});

describeRedis('over Redis', () => {
  let redis: PrivateRedis;
  let opened = 0;
  const fresh = (onError: (error: Error) => void) => ({ url: redis.url, prefix: `test-${opened++}`, onError });

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  describe('a work queue', () => workQueueContract((onError) => openRedisTransport(fresh(onError))));
  describe('the queue of jobs', () => queueContract((onError) => openRedisQueue(fresh(onError))));

  test.each<[string, (asked: () => Promise<void>) => Promise<void>]>([
    [
      'connections break',
      async (asked) => {
        for (let broken = 0; broken < 5; broken++) {
          redis.command('client', 'kill', 'type', 'normal');
          for (let tick = 0; tick < 10; tick++) {
            await new Promise((later) => setTimeout(later, 2));
            await asked();
          }
        }
      },
    ],
    [
      'Redis has lost what it is a replica of',
      async (asked) => {
        redis.command('config', 'set', 'replica-serve-stale-data', 'no');
        redis.command('replicaof', '127.0.0.1', '1');
        setTimeout(() => redis.command('replicaof', 'no', 'one'), 300);
        await asked();
      },
    ],
  ])('a handler that asks for cancels while %s is answered, and its run is not used up', async (_name, during) => {
    const transport = openRedisTransport(fresh(() => {}));
    const queue = transport.queue<{ n: number }, object, string>({
      name: 'asked',
      attempts: 1,
      mostLosses: 0,
      keepS: 60,
    });
    const endings: unknown[] = [];
    const subscription = queue.listen({ outcome: (_id, outcome) => endings.push(outcome) });
    await subscription.open;
    await queue.enqueue('a', { n: 1 });
    const consumer = queue.take(
      async ({ isCanceled }) => {
        const answers: boolean[] = [];
        await during(async () => void answers.push(await isCanceled()));
        return String(answers.includes(true));
      },
      { concurrency: 1, leaseMs: 20_000 },
    );
    await expect.poll(() => endings, { timeout: 20_000 }).toEqual([{ ending: 'false' }]);
    await consumer.close();
    await subscription.close();
    await queue.close();
    await transport.close();
  });
});
