/** Two services that get in each other's way: the second says so in a line, and touches nothing. */
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { backUp } from '../../src/backup/backup.js';
import { restore } from '../../src/backup/restore.js';
import { LEASE_MS } from '../../src/queue/redis/lease.js';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, startProcess, temporaryFolder } from '../e2e/processes.js';
import { type HttpService, RECOVERY_MS, startHttpService, startStandInWorker, WAITS, WORKS } from './http-service.js';

/** What a start takes on a busy machine. */
const STARTS_MS = 15_000;

/** What a service that does not start says, and its exit code. */
async function refusalOf(env: Record<string, string>): Promise<{ code: number; lines: string[] }> {
  const refused = startProcess('src/main.js', { PORT: '0', LOG_LEVEL: 'info', ...env });
  const [code] = await once(refused.child, 'close');
  return { code, lines: refused.log.map(({ msg }) => String(msg)) };
}

test('a second service on one DATA_DIR does not start; after a kill -9 of the first it does', async () => {
  const data = temporaryFolder();
  const first = await startHttpService({ DATA_DIR: data.path });
  const { code, lines } = await refusalOf({ DATA_DIR: data.path });
  expect({ code, last: lines.at(-1) }).toEqual({
    code: 1,
    last: expect.stringMatching(/record\.db is in use: another Espalier service runs on this DATA_DIR$/),
  });
  await first.api.end('SIGKILL');
  const second = await startHttpService({ DATA_DIR: data.path });
  await second.ready({ status: 200 });
  await second.api.end();
  data.remove();
});

describeRedis('a service on the Redis of another', () => {
  let redis: PrivateRedis;
  let folders: ReturnType<typeof temporaryFolder>[];
  let env: { REDIS_URL: string; DATA_DIR: string };
  let first: HttpService;
  let worker: RunningProcess;
  let second: HttpService | undefined;
  let running: string;
  let waiting: string;

  beforeEach(async () => {
    redis = await startRedis();
    folders = [temporaryFolder(), temporaryFolder()];
    env = { REDIS_URL: redis.url, DATA_DIR: folders[0].path };
    first = await startHttpService(env);
    worker = startStandInWorker(env);
    running = await first.job(WAITS);
    waiting = await first.job(WORKS);
    await first.until(running, 'running');
  });

  afterEach(async () => {
    first.goOn(running);
    await first.until(running, 'succeeded');
    await first.until(waiting, 'succeeded');
    await Promise.all([first.api.end(), second?.api.end(), worker.end()]);
    second = undefined;
    await redis.stop();
    for (const folder of folders) folder.remove();
  });

  test('does not start, and says what to do', async () => {
    const { code, lines } = await refusalOf({ ...env, DATA_DIR: folders[1].path });
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatch(
      /^REDIS_URL holds the jobs of another Espalier service .* set QUEUE_PREFIX .* delete the key "espalier:owner"$/,
    );
  });

  /** Its record and files, as a backup has them. */
  const copyOfFirst = async (): Promise<string> => {
    const [backup, copy] = [join(folders[1].path, 'backup'), join(folders[1].path, 'copy')];
    await backUp(folders[0].path, backup);
    await restore(backup, copy);
    return copy;
  };

  test('that has a copy of its record does not start while it lives, and says so', async () => {
    const { code, lines } = await refusalOf({ ...env, DATA_DIR: await copyOfFirst() });
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatch(
      /^REDIS_URL is in use by another Espalier service \(process \S+:\d+\) with the same record .* set QUEUE_PREFIX/,
    );
    expect((await first.call('GET', `/jobs/${running}`)).body).toMatchObject({ status: 'running' });
    expect((await first.call('GET', `/jobs/${waiting}`)).body).toMatchObject({ status: 'queued' });
  });

  test('after a kill it starts once the lease has ended; after a stop at once', async () => {
    const waits = ({ msg }: Record<string, unknown>) => /waiting for its lease to end/.test(String(msg));
    await first.api.end('SIGKILL');
    let started = Date.now();
    first = await startHttpService(env);
    expect(Date.now() - started).toBeLessThan(LEASE_MS + STARTS_MS);
    expect(first.api.log.filter(waits)).toHaveLength(1);
    await first.ready({ status: 200 });
    await first.api.end();
    started = Date.now();
    first = await startHttpService(env);
    expect(first.api.log.filter(waits)).toEqual([]);
    await first.ready({ status: 200 });
  });

  test('that has a copy of its record takes its place once it stands still; then it takes no work, and says so', async () => {
    const copy = await copyOfFirst();
    first.api.child.kill('SIGSTOP');
    second = await startHttpService({ ...env, DATA_DIR: copy });
    await second.ready({ status: 200 });
    first.api.child.kill('SIGCONT');
    await first.ready({ status: 503, detail: /same record/ });
    expect(await first.upload()).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    await second.ready({ status: 200 });
    redis.command('flushall');
    await second.ready({ status: 503, detail: /lost its data|same record/ });
    await second.api.end();
    second = undefined;
    await first.ready({ status: 200 }, 2 * RECOVERY_MS);
  });

  test('starts under a prefix of its own', async () => {
    const own = { ...env, DATA_DIR: folders[1].path, QUEUE_PREFIX: 'other' };
    second = await startHttpService(own);
    const workers = startStandInWorker(own);
    await second.until(await second.job(WORKS), 'succeeded');
    await workers.end();
  });

  test('that was not to be reached when it started stays unready, and takes nothing', async () => {
    const late = await startRedis();
    late.command('set', 'espalier:owner', 'another-record 1');
    await late.kill();
    second = await startHttpService({ REDIS_URL: late.url, DATA_DIR: folders[1].path });
    await late.start();
    await second.ready({ status: 503, detail: /jobs of another service/ });
    expect(await second.upload()).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    expect(
      late
        .command('keys', '*')
        .trim()
        .split('\n')
        .filter((key) => key.includes('jobs')),
    ).toEqual([]);
    late.command('del', 'espalier:owner');
    await second.ready({ status: 200 });
    await late.stop();
  });
});
