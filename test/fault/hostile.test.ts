/**
 * Hostile uploads against the service as it runs: each is refused with a code, nothing of it stays, and the API holds
 * no more memory than it should. `npm run test:hostile` sends 300 and says how long they took.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServiceProcess, startApi, temporaryFolder } from '../e2e/processes.js';
import { HOSTILE, hostileUpload } from '../support/hostile-uploads.js';

const CASES = Number(process.env.HOSTILE_CASES ?? Object.keys(HOSTILE).length);

/** As many as are read at once. */
const AT_ONCE = 2;
const MOST_API_BYTES = 300 * 10 ** 6;

const folder = temporaryFolder();
let api: ServiceProcess;
beforeAll(async () => {
  api = await startApi({ DATA_DIR: join(folder.path, 'data') });
});
afterAll(async () => {
  await api?.end();
  folder.remove();
});

interface Told {
  readonly what: string;
  readonly status: number;
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly ms: number;
}

async function send(n: number): Promise<Told> {
  const { what, make } = hostileUpload(n);
  const { path, files } = await make();
  const body = new FormData();
  for (const [name, bytes] of files)
    body.append(path === '/jobs' ? 'model' : 'file', new Blob([new Uint8Array(bytes)]), name);
  const begin = performance.now();
  const answer = await fetch(api.url + path, { method: 'POST', body });
  const problem = (await answer.json()) as { code?: string; detail?: string };
  return { what, status: answer.status, code: problem.code, detail: problem.detail, ms: performance.now() - begin };
}

test('each is refused with a code, and nothing is left of it', { timeout: 1_200_000 }, async () => {
  const told: Told[] = [];
  let next = 0;
  const sender = async () => {
    while (next < CASES) told.push(await send(next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  const wrong = told.filter(({ status, code, detail }) => status < 400 || status >= 500 || !code || !detail);
  expect(wrong).toEqual([]);
  if (process.env.HOSTILE_CASES) {
    const slowest = told.sort((a, b) => b.ms - a.ms).slice(0, 3);
    console.log(
      `${told.length} uploads; slowest: ${slowest.map(({ what, ms }) => `${what} ${ms.toFixed(0)} ms`).join(', ')}`,
    );
  }

  const files = readdirSync(folder.path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const own = /^(record\.(db|id).*|reserve)$/;
  expect(files.map(({ name }) => name).filter((name) => !own.test(name))).toEqual([]);
  expect((await fetch(`${api.url}/readyz`)).status).toBe(200);
  if (process.platform !== 'linux') return;
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${api.child.pid}/status`, 'utf8'));
  expect(Number(peak?.[1]) * 1024).toBeLessThan(MOST_API_BYTES);
});
