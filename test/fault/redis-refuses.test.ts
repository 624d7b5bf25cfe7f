/** A Redis that is there and can't be used, at first contact and in the midst of work, over HTTP against real processes. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeRedis, freePort, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, temporaryFolder } from '../e2e/processes.js';
import { type HttpService, startHttpService, startStandInWorker, WAITS, WORKS } from './http-service.js';
import { openSwitch, type Switch } from './tcp-switch.js';

interface Fault {
  readonly says: RegExp;
  break(redis: PrivateRedis): Promise<void>;
  mend(redis: PrivateRedis): Promise<void>;
}

/** In short: what is set, and back. */
const set = (name: string, broken: string, whole: string): Omit<Fault, 'says'> => ({
  break: async (redis) => void redis.command('config', 'set', name, broken),
  mend: async (redis) => void redis.command('config', 'set', name, whole),
});

const REFUSALS: Readonly<Record<string, Fault>> = {
  'is full': { says: /OOM/, ...set('maxmemory', '1', '0') },
  'has lost its replicas': { says: /NOREPLICAS|enough good replicas/, ...set('min-replicas-to-write', '1', '0') },
  'can not save': {
    says: /MISCONF/,
    break: async (redis) => {
      mkdirSync(join(redis.folder, 'dump.rdb'));
      redis.command('config', 'set', 'save', '3600 1');
      redis.command('bgsave');
      await expect.poll(() => redis.command('info', 'persistence')).toMatch(/rdb_last_bgsave_status:err/);
    },
    mend: async (redis) => {
      rmSync(join(redis.folder, 'dump.rdb'), { recursive: true });
      redis.command('bgsave');
      await expect.poll(() => redis.command('info', 'persistence')).toMatch(/rdb_last_bgsave_status:ok/);
    },
  },
  'is a replica': {
    says: /READONLY/,
    // Of nobody: it keeps what it has.
    break: async (redis) => void redis.command('replicaof', '127.0.0.1', '1'),
    mend: async (redis) => void redis.command('replicaof', 'no', 'one'),
  },
};

/** Those, and what is seen of a Redis that doesn't answer or isn't there. */
const FAULTS: Readonly<Record<string, Fault>> = {
  ...REFUSALS,
  'answers nobody': {
    says: /has not answered/,
    break: async (redis) => redis.freeze(),
    mend: async (redis) => redis.wake(),
  },
  'is gone': {
    says: /can not be reached|closed/,
    break: (redis) => redis.kill(),
    mend: (redis) => redis.start(),
  },
  'is gone and comes back empty': {
    says: /can not be reached|closed|lost its data/,
    break: (redis) => redis.kill(),
    mend: (redis) => redis.start({ empty: true }),
  },
};

describeRedis('a Redis that', () => {
  let redis: PrivateRedis;
  let data: ReturnType<typeof temporaryFolder>;
  let env: { REDIS_URL: string; DATA_DIR: string };
  let service: HttpService | undefined;
  let workers: RunningProcess[];

  beforeEach(async () => {
    redis = await startRedis();
    data = temporaryFolder();
    env = { REDIS_URL: redis.url, DATA_DIR: data.path };
    workers = [];
  });

  afterEach(async () => {
    await Promise.all([service?.api.end(), ...workers.map((worker) => worker.end())]);
    service = undefined;
    await redis.stop();
    data.remove();
  });

  const startWorker = () => workers.push(startStandInWorker(env));

  test.each(Object.entries(FAULTS))('%s at first contact is used once it can be', async (_name, fault) => {
    await fault.break(redis);
    service = await startHttpService(env);
    startWorker();
    await service.ready({ status: 503, detail: fault.says });
    expect(await service.upload()).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    await fault.mend(redis);
    await service.ready({ status: 200 });
    const job = await service.job(WORKS);
    expect(await service.until(job, 'succeeded')).toMatchObject({ error: null });
  });

  test.each(Object.entries(FAULTS))('%s in the midst of work loses nothing', async (_name, fault) => {
    service = await startHttpService(env);
    startWorker();
    const [running, waiting] = [await service.job(WAITS), await service.job(WORKS)];
    await service.until(running, 'running');
    const { body: model } = await service.upload();
    await fault.break(redis);
    await service.ready({ status: 503, detail: fault.says });
    expect(await service.upload()).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    expect(await service.call('POST', '/jobs', { model: model.id })).toMatchObject({ status: 503 });
    // It ends, and nobody can be told.
    service.goOn(running);
    await fault.mend(redis);
    await service.ready({ status: 200 });
    await service.until(running, 'succeeded');
    await service.until(waiting, 'succeeded');
    const { body: all } = await service.call('GET', '/jobs');
    expect(all.data).toHaveLength(2);
    await service.until(await service.job(WORKS), 'succeeded');
  });

  test('is emptied while it runs is given all jobs again, and a running one does not run twice at once', async () => {
    service = await startHttpService(env);
    startWorker();
    const [running, waiting] = [await service.job(WAITS), await service.job(WORKS)];
    await service.until(running, 'running');
    redis.command('flushall');
    await service.ready({ status: 503, detail: /lost its data/ });
    await service.ready({ status: 200 });
    service.goOn(running);
    await service.until(running, 'succeeded');
    await service.until(waiting, 'succeeded');
    const starts = workers[0].log.filter(({ msg, job_id }) => msg === 'job started' && job_id === running);
    expect(starts.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test('fails over: the address leads to another server, that was a replica and is promoted', async () => {
    const other = await startRedis();
    other.command('replicaof', '127.0.0.1', String(redis.port));
    const replication = () => other.command('info', 'replication');
    await expect.poll(replication, { timeout: 20_000 }).toMatch(/master_link_status:up/);
    const address: Switch = await openSwitch(redis.port);
    env = { ...env, REDIS_URL: `redis://127.0.0.1:${address.port}` };
    service = await startHttpService(env);
    startWorker();
    const [running, waiting] = [await service.job(WAITS), await service.job(WORKS)];
    await service.until(running, 'running');
    redis.command('replicaof', '127.0.0.1', String(other.port));
    await service.ready({ status: 503, detail: /READONLY|closed/ });
    other.command('replicaof', 'no', 'one');
    // Connections to the old server stay: only new ones lead to the other.
    address.turnTo(other.port);
    await service.ready({ status: 200 });
    service.goOn(running);
    await service.until(running, 'succeeded');
    await service.until(waiting, 'succeeded');
    await service.until(await service.job(WORKS), 'succeeded');
    await service.api.end();
    await Promise.all(workers.map((worker) => worker.end()));
    address.close();
    await other.stop();
  });

  test('comes long after the service was started', async () => {
    const port = await freePort();
    env = { ...env, REDIS_URL: `redis://127.0.0.1:${port}` };
    service = await startHttpService(env);
    startWorker();
    await service.ready({ status: 503, detail: /can not be reached/ });
    const late = await startRedis(port);
    await service.ready({ status: 200 });
    await service.until(await service.job(WORKS), 'succeeded');
    await service.api.end();
    await Promise.all(workers.map((worker) => worker.end()));
    await late.stop();
  });
});
