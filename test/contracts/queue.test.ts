import { afterAll, beforeAll, describe } from 'vitest';
import { openMemoryQueue, openRedisQueue } from '../../src/queue/index.js';
import { queueContract } from './queue.js';
import { describeRedis, type PrivateRedis, startRedis } from './redis-server.js';

describe('queue in memory', () => {
  queueContract((onError) => openMemoryQueue({ onError }));
});

describeRedis('queue over Redis', () => {
  let redis: PrivateRedis;
  let databases = 0;

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  queueContract((onError) => openRedisQueue({ prefix: 'test', url: `${redis.url}/${databases++}`, onError }));
});
