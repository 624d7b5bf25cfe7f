/** The process itself, as built (`npm test` builds first). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';

let dataDir: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'service-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  await rm(dataDir, { recursive: true });
});

function run(env: Record<string, string> = {}, args: string[] = []) {
  const child = spawn(process.execPath, ['dist/src/main.js', ...args], {
    env: { PATH: process.env.PATH, DATA_DIR: dataDir, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let stderr = '';
  child.stderr.on('data', (d) => {
    stderr += d;
  });
  const ended = once(child, 'exit').then(([code]) => ({ code: code as number | null, stderr }));
  return { child, ended };
}

/** Resolves with its address once it is ready. */
async function start(
  env?: Record<string, string>,
): Promise<{ child: ChildProcess; ended: ReturnType<typeof run>['ended']; url: string }> {
  const { child, ended } = run(env);
  for await (const line of createInterface({ input: child.stdout! })) {
    const { msg, url } = JSON.parse(line);
    if (msg !== 'espalier is ready') continue;
    child.stdout!.resume();
    return { child, ended, url };
  }
  throw new Error(`it ended: ${(await ended).stderr}`);
}

test('starts with nothing but a folder, is ready, and stops on SIGTERM with code 0', async () => {
  const { child, ended, url } = await start();
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await fetch(`${url}/jobs`)).headers.get('content-type')).toMatch(/json/);
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 0, stderr: '' });
});

test('stops on SIGTERM when whoever read its log is gone', async () => {
  const { child, ended } = await start();
  child.stdout!.destroy();
  child.kill('SIGTERM');
  expect((await ended).code).toBe(0);
});

test('an engine that is not installed is said at the start, with how to install it', async () => {
  const { code, stderr } = await run({ ENGINE: 'tensorflow' }).ended;
  expect(code).toBe(2);
  expect(stderr).toMatch(/ENGINE is "tensorflow".*npm run gpu:install/);
});

test.runIf(platform() === 'linux')('DEVICE=webgpu where no adapter answers is said at the start', async () => {
  const { code, stderr } = await run({ DEVICE: 'webgpu', VK_DRIVER_FILES: '/dev/null' }).ended;
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(
      /^the environment is not valid:\n {2}DEVICE is "webgpu", but there is no WebGPU device here: .*adapter.*\n$/,
    ),
  });
});

test('a second service on the same DATA_DIR is refused, and the first goes on', async () => {
  const { url } = await start();
  const second = await run().ended;
  expect(second.code).toBe(1);
  expect(second.stderr).toContain('another Espalier service runs on this DATA_DIR');
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('a port that is taken and a folder that is none: one line that names it, code 1', async () => {
  const { url } = await start();
  const { port } = new URL(url);
  const taken = await run({ PORT: port, DATA_DIR: join(dataDir, 'other') }).ended;
  expect(taken).toMatchObject({
    code: 1,
    stderr: `127.0.0.1:${port} is taken: something listens there already; choose another PORT\n`,
  });
  const noFolder = await run({ DATA_DIR: '/etc/hosts' }).ended;
  expect(noFolder.code).toBe(1);
  expect(noFolder.stderr).toMatch(/^DATA_DIR \/etc\/hosts can not be used: .*\n$/);
});

test('a wrong environment: every variable in one message, code 2', async () => {
  const { code, stderr } = await run({ PORT: 'x', ENGINE: 'y', HOST: '0.0.0.0' }).ended;
  expect(code).toBe(2);
  for (const name of ['PORT', 'ENGINE', 'HOST']) expect(stderr).toContain(name);
  expect((await run({}, ['--port']).ended).code).toBe(2);
  expect((await run({}, ['--help']).ended).code).toBe(0);
});

test.runIf(platform() === 'linux')('a 400 MB upload is refused for what it is, in under 200 MB of memory', async () => {
  const { child, url } = await start();
  const head = '--B\r\ncontent-disposition: form-data; name="file"; filename="big.bin"\r\n\r\n';
  const chunk = Buffer.alloc(2 ** 20, 7);
  const answer = await new Promise<{ status?: number; body: string }>((resolve, reject) => {
    const headers = { 'content-type': 'multipart/form-data; boundary=B' };
    const sending = request(`${url}/models`, { method: 'POST', headers }, (response) => {
      let body = '';
      response.on('data', (d) => {
        body += d;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    sending.on('error', reject);
    sending.write(head);
    let left = 400;
    const more = () => {
      while (left > 0) {
        left -= 1;
        if (!sending.write(chunk)) return void sending.once('drain', more);
      }
      sending.end('\r\n--B--\r\n');
    };
    more();
  });
  expect(answer).toMatchObject({ status: 422, body: expect.stringContaining('FORMAT_UNKNOWN') });
  const peakKb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
  expect(peakKb).toBeGreaterThan(1000);
  expect(peakKb).toBeLessThan(200_000);
  const left = (await readdir(dataDir, { recursive: true })).filter((f) => /^(blobs|uploads)\/.*[0-9a-f-]{36}/.test(f));
  expect(left).toEqual([]);
});
