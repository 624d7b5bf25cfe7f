/** Two services that get in each other's way: the second says so in a line, and touches nothing. */
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeRedis, freePort, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, startProcess, temporaryFolder } from '../e2e/processes.js';
import { type HttpService, startHttpService, startStandInWorker, WAITS, WORKS } from './http-service.js';

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

  test('starts under a prefix of its own', async () => {
    const own = { ...env, DATA_DIR: folders[1].path, QUEUE_PREFIX: 'other' };
    second = await startHttpService(own);
    const workers = startStandInWorker(own);
    await second.until(await second.job(WORKS), 'succeeded');
    await workers.end();
  });

  test('that was not to be reached when it started stays unready, and takes nothing', async () => {
    const port = await freePort();
    second = await startHttpService({ REDIS_URL: `redis://127.0.0.1:${port}`, DATA_DIR: folders[1].path });
    const late = await startRedis(port);
    late.command('set', 'espalier:owner', 'another-record 1');
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
