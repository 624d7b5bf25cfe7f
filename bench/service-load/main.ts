/**
 * `GET /jobs/{id}` beside all that a service may have to do at once: 1,000 jobs that wait in Redis, one that runs, 200
 * event streams, 4 uploads at a time. API, worker and Redis are processes of their own, with their presets; so is the
 * client that polls. Polls come at a fixed rate, and count from when they were due; then from 16 clients that ask
 * without a pause.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildResidualNet, saveLayersModel } from '../../examples/residual-net.js';
import { createClient } from '../../src/client/index.js';
import { startProcess } from '../../test/e2e/processes.js';
import { startRedis } from '../../test/support/private-redis.js';
import { type ApiProcess, startApi } from '../api-process.js';
import { readNumbers } from '../options.js';
import type { Lag } from './lag-probe.js';
import type { PollOrder, PollRecord } from './poller.js';
import { openStreams } from './streams.js';
import { sendDataset, writeImages } from './uploads.js';

const USAGE = `GET /jobs/{id} beside 1,000 queued jobs, 200 event streams, 4 uploads; needs redis-server on PATH
node dist/bench/service-load/main.js [ROUNDS of uploads (4)] [MB of each (400)] [requests a SECOND (200)]
`;

/** As many as the service takes unless it is told otherwise. */
const QUEUED = 1000;
const STREAMS = 200;
const UPLOADS = 4;
const CONNECTIONS = 16;
const IDLE_MS = 10_000;

const [rounds, megabytes, perSecond] = readNumbers(USAGE, { rounds: 4, megabytes: 400, rate: 200 });

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const lagFile = join(folder, 'lag');
const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
let api: ApiProcess;
try {
  const redis = await startRedis();
  stops.push(redis.stop);
  const env = { DATA_DIR: join(folder, 'data'), REDIS_URL: redis.url };
  const probe = new URL('./lag-probe.js', import.meta.url).href;
  api = await startApi({ ...env, LOG_LEVEL: 'warn', NODE_OPTIONS: `--import=${probe}`, LAG_FILE: lagFile });
  stops.push(api.stop);
  const worker = startProcess('bench/service-load/worker.js', env);
  stops.push(worker.end);
  await worker.line(({ msg }) => msg === 'worker ready');
  await bench(api);
} finally {
  for (const stop of stops.reverse()) await stop();
}

async function bench(api: ApiProcess): Promise<void> {
  const client = createClient({ url: api.url });
  const files = Array.from({ length: UPLOADS }, (_, i) => join(folder, `images-${i}.npz`));
  const { running, queued } = await fillQueue();
  for (const file of files) await writeImages(file, megabytes * 1e6);
  const paths = [running, ...queued].map((id) => `/jobs/${id}`);
  const order = { url: api.url, paths, connections: CONNECTIONS };

  const measure = async (during: () => Promise<unknown>, perSecond?: number) => {
    await readLag();
    const poller = startPoller({ ...order, ...(perSecond !== undefined && { perSecond }) });
    await during();
    const record = await poller.stop();
    return { record, lag: await readLag() };
  };
  // What is compiled while it is asked counts for nobody.
  await measure(() => sleep(2000));
  const idle = await measure(() => sleep(IDLE_MS), perSecond);
  const idleClosed = await measure(() => sleep(IDLE_MS / 2));

  const watched = Array.from({ length: STREAMS }, (_, i) => (i % 2 === 0 ? running : queued[(i * 5) % QUEUED]));
  const streams = await openStreams(api.url, watched);
  const uploads: Round[] = [];
  const loaded = await measure(async () => {
    for (let i = 0; i < rounds; i++) uploads.push(await sendAll(files));
  }, perSecond);
  const loadedClosed = await measure(async () => uploads.push(await sendAll(files)));
  const { data } = await client.listJobs({ status: 'queued', limit: 1 });

  const whole = (value: number) => value.toFixed(0);
  console.log(
    `\n${QUEUED} jobs queued, 1 running; ${STREAMS} event streams; ${UPLOADS} uploads of ${megabytes} MB at once`,
  );
  console.log(`\nGET /jobs/{id}, ms from when it was due: ${perSecond} a second over ${CONNECTIONS} connections`);
  showLatencies('idle', idle.record);
  showLatencies('loaded', loaded.record);
  const sending = uploads.slice(0, rounds).map(({ beginMs, sentMs }) => [beginMs, sentMs] as const);
  showLatencies('  while bytes come', within(loaded.record, sending));
  console.log(`${CONNECTIONS} clients without a pause`);
  showLatencies('idle', idleClosed.record);
  showLatencies('loaded', loadedClosed.record);
  console.log('\nHow late what was due came to run, ms');
  const lags = { idle: idle.lag, loaded: loaded.lag, 'loaded, no pause': loadedClosed.lag };
  for (const [name, { all, own, busy, processors }] of Object.entries(lags)) {
    const share = `loop busy ${whole(busy * 100)} %, ${processors.toFixed(2)} processors`;
    console.log(`${`API, ${name}`.padEnd(24)} p50 ${ms(all.p50)} p99 ${ms(all.p99)} max ${ms(all.max)}  ${share}`);
    const names = '  by its own doing';
    console.log(`${names.padEnd(24)} p50 ${ms(own.p50)} p99 ${ms(own.p99)} max ${ms(own.max)}`);
  }
  showRow('client, loaded', loaded.record.lateMs);
  console.log(
    `\nuploads, MB/s of all ${UPLOADS}: ${uploads.map((round) => whole(round.megabytesPerSecond)).join(', ')};`,
  );
  console.log(
    `s to the verdicts: ${uploads.map((round) => ((round.answeredMs - round.beginMs) / 1000).toFixed(1)).join(', ')}`,
  );
  console.log(`events received ${streams.events()}, missing ${streams.gaps()}, streams ended ${streams.ended()}`);
  const others = [idle, idleClosed, loaded, loadedClosed].map(({ record }) => record.others);
  console.log(`polls not answered by 200: ${JSON.stringify(others)}; jobs still queued: ${data.length > 0}`);
  console.log(`API's peak of resident memory: ${whole(api.peakBytes() / 1e6)} MB`);
  streams.close();

  async function fillQueue(): Promise<{ running: string; queued: string[] }> {
    const path = join(folder, 'net');
    await saveLayersModel(buildResidualNet([8, 8, 1], 3), path);
    const { id: model } = await client.uploadModel(['model.json', 'weights.bin'].map((name) => join(path, name)));
    const running = (await client.createJob({ model })).id;
    await client.getJob(running, { wait: 60 });
    const queued: string[] = [];
    let asked = 0;
    const fill = async (): Promise<void> => {
      while (asked++ < QUEUED) queued.push((await client.createJob({ model })).id);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, fill));
    return { running, queued };
  }

  async function sendAll(paths: readonly string[]): Promise<Round> {
    const epoch = performance.timeOrigin;
    const begin = performance.now();
    const sent = await Promise.all(paths.map((path) => sendDataset(api.url, path)));
    const [lastSent, lastAnswered] = [
      Math.max(...sent.map(({ sentMs }) => sentMs)),
      Math.max(...sent.map(({ answeredMs }) => answeredMs)),
    ];
    const bytes = sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    // Bytes that are there already would not be inspected again.
    for (const { id } of sent) await fetch(`${api.url}/datasets/${id}`, { method: 'DELETE' });
    return {
      beginMs: epoch + begin,
      sentMs: epoch + lastSent,
      answeredMs: epoch + lastAnswered,
      megabytesPerSecond: bytes / 1e3 / (lastSent - begin),
    };
  }
}

interface Round {
  /** In milliseconds since the epoch. */
  readonly beginMs: number;
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly megabytesPerSecond: number;
}

function startPoller(order: PollOrder) {
  const child = fork(new URL('./poller.js', import.meta.url));
  const record = once(child, 'message') as Promise<[PollRecord]>;
  child.send(order);
  return {
    stop: async (): Promise<PollRecord> => {
      child.send('stop');
      return (await record)[0];
    },
  };
}

/** Since it was last read. */
async function readLag(): Promise<Lag> {
  process.kill(api.pid, 'SIGUSR2');
  while (!existsSync(lagFile)) await sleep(20);
  const lag = JSON.parse(readFileSync(lagFile, 'utf8')) as Lag;
  await rm(lagFile);
  return lag;
}

/** The requests that were due in these spans of time. */
function within({ dueMs, latencyMs }: PollRecord, spans: readonly (readonly [number, number])[]) {
  const inside = (ms: number) => spans.some(([begin, end]) => begin <= ms && ms <= end);
  const kept = [...dueMs.keys()].filter((i) => inside(dueMs[i]));
  return { dueMs: kept.map((i) => dueMs[i]), latencyMs: kept.map((i) => latencyMs[i]) };
}

function showLatencies(name: string, { dueMs, latencyMs }: Pick<PollRecord, 'dueMs' | 'latencyMs'>): void {
  const seconds = (dueMs.reduce((a, b) => Math.max(a, b)) - dueMs.reduce((a, b) => Math.min(a, b))) / 1000;
  showRow(name, latencyMs, `${(latencyMs.length / seconds).toFixed(0)}/s`);
}

function showRow(name: string, values: readonly number[], more = ''): void {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => ms(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  const row = `p50 ${at(0.5)} p90 ${at(0.9)} p99 ${at(0.99)} max ${at(1)}`;
  console.log(`${name.padEnd(24)} ${row}  of ${values.length} ${more}`);
}

function ms(value: number): string {
  return value.toFixed(1).padStart(6);
}
