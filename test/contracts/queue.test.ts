import { afterAll, beforeAll, describe } from 'vitest';
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
});
