/** Keys and passwords are in no log, in no environment that a job could read, and files are their owner's alone. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildResidualNet, saveLayersModel } from '../../examples/residual-net.js';
import { createClient } from '../../src/client/index.js';
import { secretsOf } from '../../src/secrets.js';
import { describeRedis, type PrivateRedis, startRedis } from '../contracts/redis-server.js';
import { type RunningProcess, startApi, startProcess, temporaryFolder } from '../e2e/processes.js';

const KEY = 'the-key-"that"-nobody-sees';

let folder: ReturnType<typeof temporaryFolder>;
let running: RunningProcess[];

beforeEach(() => {
  folder = temporaryFolder();
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((process) => process.end('SIGKILL')));
  folder.remove();
});

const environOf = (pid: number | undefined) => readFileSync(`/proc/${pid}/environ`, 'utf8');
const logOf = ({ log }: RunningProcess) => JSON.stringify(log);

/** Everything below a folder, and the folder. */
const pathsIn = (path: string): string[] => [
  path,
  ...readdirSync(path, { recursive: true }).map((name) => join(path, String(name))),
];

async function saveModel(): Promise<string[]> {
  const model = join(folder.path, 'net');
  await saveLayersModel(buildResidualNet([8, 8, 1], 3), model);
  return ['model.json', 'weights.bin'].map((name) => join(model, name));
}

test.runIf(process.platform === 'linux')('the API forgets its key, and all that it writes is private', async () => {
  const dataDir = join(folder.path, 'data');
  const api = await startApi({ DATA_DIR: dataDir, API_KEY: KEY, LOG_LEVEL: 'trace' });
  running.push(api);
  const client = createClient({ url: api.url, apiKey: KEY });
  const { id } = await client.uploadModel(await saveModel());
  const job = await client.waitForJob((await client.createJob({ model: id })).id);
  expect(job.status).toBe('succeeded');
  // An upload's headers are among what a library logs at this level.
  expect(logOf(api)).toContain('busboy');
  expect(logOf(api)).not.toContain('nobody-sees');
  expect(environOf(api.child.pid)).toContain('DATA_DIR=');
  expect(environOf(api.child.pid)).not.toContain('nobody-sees');

  const [backup, restored] = [join(folder.path, 'backup'), join(folder.path, 'restored')];
  for (const [command, dir] of [
    ['backup', dataDir],
    ['restore', restored],
  ] as const) {
    const run = startProcess('src/backup/main.js', { DATA_DIR: dir }, [command, backup]);
    running.push(run);
    expect(await run.ended()).toBe(0);
  }
  const written = [dataDir, backup, restored].flatMap(pathsIn);
  expect(written.filter((path) => (statSync(path).mode & 0o077) !== 0)).toEqual([]);
});

test.runIf(process.platform === 'linux')("a child's environment is made of what it needs", async () => {
  const api = await startApi({ DATA_DIR: join(folder.path, 'data'), API_KEY: KEY, MY_OWN_SECRET: 'x', HOME: '/' });
  running.push(api);
  const client = createClient({ url: api.url, apiKey: KEY });
  const seen = new Set<string>();
  const look = setInterval(() => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        if (Number(parent) !== api.child.pid) continue;
        for (const variable of environOf(Number(pid)).split('\0')) seen.add(variable.split('=')[0]);
      } catch {
        // It ended while we looked.
      }
    }
  }, 20);
  await client.uploadModel(await saveModel());
  clearInterval(look);
  expect(seen).toContain('PATH');
  expect([...seen].filter((name) => !['', 'PATH', 'HOME'].includes(name))).toEqual([]);
});

describeRedis('with Redis', () => {
  let redis: PrivateRedis;
  beforeEach(async () => {
    redis = await startRedis();
  });
  afterEach(() => redis.stop());

  test('a worker forgets the password of its Redis', async () => {
    const url = redis.url.replace('redis://', 'redis://default:p%40ssword-nobody-sees@');
    const worker = startProcess('workers/main.js', { REDIS_URL: url, DATA_DIR: folder.path, LOG_LEVEL: 'trace' });
    running.push(worker);
    await worker.line(({ msg }) => msg === 'worker ready' || /WRONGPASS|AUTH/.test(String(msg)));
    expect(environOf(worker.child.pid)).not.toContain('nobody-sees');
    expect(logOf(worker)).not.toContain('nobody-sees');
  });
});

test('keys and passwords are secrets, addresses without one are not', () => {
  expect(secretsOf({ API_KEY: ' k ', REDIS_URL: 'redis://127.0.0.1:6379', PORT: '3000' })).toEqual(['k']);
  const url = 'redis://u:a%40b@h/1';
  expect(secretsOf({ REDIS_URL: url })).toEqual([url, 'a%40b', 'a@b']);
});
