/**
 * `GET /jobs/{id}` against a bare Fastify route that sends the same answer, in turns in one run: requests a second of
 * each, processor time a request, and their ratios. Both are processes of their own; the client here reads no more of
 * an answer than its length, so that it takes little of what they run on. Usage: node dist/bench/job-polls.js [seconds a turn] [turns]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import Fastify from 'fastify';
import { buildResidualNet, saveLayersModel } from '../examples/residual-net.js';
import { createClient } from '../src/client/index.js';
import { startApi } from './api-process.js';
import { openConnection } from './keep-alive.js';

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

interface Server {
  readonly url: string;
  readonly pid: number;
  stop(): void;
}

async function compare(seconds: number, turns: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  const api = await startApi({ DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'info' });
  let bare: Server | undefined;
  try {
    const client = createClient({ url: api.url });
    const model = join(folder, 'net');
    await saveLayersModel(buildResidualNet([8, 8, 1], 3), model);
    const { id } = await client.uploadModel(['model.json', 'weights.bin'].map((name) => join(model, name)));
    const job = await client.waitForJob((await client.createJob({ model: id })).id);
    const answer = JSON.stringify(job);
    bare = await startBare(answer);
    const path = `/jobs/${job.id}`;
    // Both have compiled what they run before anything counts.
    for (const server of [api, bare]) await poll(server, path, 2);
    const [rates, times]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < turns; turn++) {
      const [own, other] = [await poll(api, path, seconds), await poll(bare, path, seconds)];
      rates.push(own.perSecond / other.perSecond);
      times.push(other.processorUs / own.processorUs);
      const show = ({ perSecond, processorUs }: Turn) => `${perSecond.toFixed(0)}/s, ${processorUs.toFixed(0)} us each`;
      console.log(`GET /jobs/{id} ${show(own)}; bare ${show(other)}`);
    }
    console.log(`${answer.length} bytes, ${CLIENTS} clients, ${turns} turns, share of a bare route:`);
    console.log(`requests a second ${median(rates)}, processor time ${median(times)}`);
  } finally {
    bare?.stop();
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function startBare(answer: string): Promise<Server> {
  const child = spawn(process.execPath, [new URL(import.meta.url).pathname, '--bare'], {
    env: { PATH: process.env.PATH, ANSWER: answer },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: line.toString().trim(), pid: child.pid!, stop: () => void child.kill() };
}

interface Turn {
  readonly perSecond: number;
  /** Of the server, for each request. */
  readonly processorUs: number;
}

/** Has all clients ask again and again, each as soon as it has its answer. */
async function poll({ url, pid }: Server, path: string, seconds: number): Promise<Turn> {
  const before = processorUs(pid);
  const begin = performance.now();
  const endMs = begin + seconds * 1000;
  const counts = await Promise.all(Array.from({ length: CLIENTS }, () => askUntil(endMs, new URL(path, url))));
  const answered = counts.reduce((sum, count) => sum + count, 0);
  return {
    perSecond: answered / ((performance.now() - begin) / 1000),
    processorUs: (processorUs(pid) - before) / answered,
  };
}

async function askUntil(endMs: number, url: URL): Promise<number> {
  const connection = await openConnection(url.origin);
  try {
    let answered = 0;
    while (performance.now() < endMs) {
      const { status, text } = await connection.get(url.pathname);
      if (status !== 200) throw new Error(text.slice(0, 200));
      answered += 1;
    }
    return answered;
  } finally {
    connection.close();
  }
}

/** What a process has had of the processor; ticks of 10 ms. */
function processorUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function median(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, middle, high] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted[sorted.length - 1]];
  return `${middle.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}
