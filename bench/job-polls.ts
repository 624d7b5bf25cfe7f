/**
 * `GET /jobs/{id}` against a bare Fastify route that sends the same answer, in turns in one run: requests a second of
 * each, and their ratio. Both are processes of their own. Usage: node dist/bench/job-polls.js [seconds a turn] [turns]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import Fastify from 'fastify';
import { buildResidualNet, saveLayersModel } from '../examples/residual-net.js';
import { createClient } from '../src/client/index.js';
import { startApi } from './api-process.js';

/** Clients that poll, each over a connection of its own. */
const CLIENTS = 16;

if (process.argv[2] === '--bare') await serveBare();
else await compare(Number(process.argv[2] ?? 2), Number(process.argv[3] ?? 5));

/** The answer as an object, which the route writes as JSON each time, as any route of Fastify's does. */
async function serveBare(): Promise<void> {
  const answer = JSON.parse(process.env.ANSWER ?? '{}') as object;
  const app = Fastify();
  app.get('/jobs/:id', async () => answer);
  console.log(await app.listen({ port: 0, host: '127.0.0.1' }));
}

async function compare(seconds: number, turns: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  const api = await startApi({ DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'info' });
  const bare = { url: '', stop: () => {} };
  try {
    const client = createClient({ url: api.url });
    const model = join(folder, 'net');
    await saveLayersModel(buildResidualNet([8, 8, 1], 3), model);
    const { id } = await client.uploadModel(['model.json', 'weights.bin'].map((name) => join(model, name)));
    const job = await client.waitForJob((await client.createJob({ model: id })).id);
    Object.assign(bare, await startBare(JSON.stringify(job)));
    const path = `/jobs/${job.id}`;
    const bytes = JSON.stringify(job).length;
    // Both have compiled what they run before anything counts.
    await Promise.all([poll(api.url + path, 1), poll(bare.url + path, 1)]);
    const ratios: number[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const [own, other] = [await poll(api.url + path, seconds), await poll(bare.url + path, seconds)];
      ratios.push(own / other);
      console.log(`GET /jobs/{id} ${own.toFixed(0)}/s  bare ${other.toFixed(0)}/s  ratio ${(own / other).toFixed(2)}`);
    }
    ratios.sort((a, b) => a - b);
    const [low, middle, high] = [ratios[0], ratios[Math.floor(turns / 2)], ratios[turns - 1]].map((r) => r.toFixed(2));
    console.log(`${bytes} bytes, ${CLIENTS} clients: ratio ${middle} (${low} to ${high} over ${turns} turns)`);
  } finally {
    bare.stop();
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function startBare(answer: string): Promise<{ url: string; stop(): void }> {
  const child = spawn(process.execPath, [new URL(import.meta.url).pathname, '--bare'], {
    env: { PATH: process.env.PATH, ANSWER: answer },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: line.toString().trim(), stop: () => void child.kill() };
}

/** Requests a second that all clients together got answered. */
async function poll(url: string, seconds: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const begin = performance.now();
  let answered = 0;
  const one = async (): Promise<void> => {
    while (performance.now() - begin < seconds * 1000) {
      await request(url, agent);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, one));
  agent.destroy();
  return answered / ((performance.now() - begin) / 1000);
}

function request(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
    }).on('error', reject);
  });
}
