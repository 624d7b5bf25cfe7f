import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compiled } from './worker-fixture.js';

const main = (args: string[], env: Record<string, string> = {}) =>
  spawnSync(process.execPath, [fileURLToPath(compiled('workers/main.js')), ...args], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: 20_000,
  });

test('--help names every variable that a worker reads', () => {
  const { status, stdout } = main(['--help']);
  expect(status).toBe(0);
  for (const name of [
    'REDIS_URL',
    'DATA_DIR',
    'WORKER_CONCURRENCY',
    'ENGINE',
    'DEVICE',
    'THREADS',
    'CHECKPOINT_INTERVAL',
    'JOB_DEADLINE',
    'LOG_LEVEL',
  ])
    expect(stdout).toContain(name);
});

test('without REDIS_URL it says in one message what is missing, and ends', () => {
  const { status, stderr } = main([]);
  expect(status).toBe(2);
  expect(stderr).toMatch(/^the environment is not valid:\n {2}REDIS_URL is needed/);
});

test('every wrong variable is listed at once', () => {
  const { status, stderr } = main([], { REDIS_URL: 'http://x', ENGINE: 'abacus', WORKER_CONCURRENCY: '0' });
  expect(status).toBe(2);
  for (const name of ['REDIS_URL', 'ENGINE', 'WORKER_CONCURRENCY']) expect(stderr).toContain(name);
});

test('an argument that it does not know is an error', () => {
  expect(main(['--verbose'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--verbose') });
});
