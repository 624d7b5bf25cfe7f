/**
 * `GET /jobs/{id}` at 50 requests a second over one connection while a job trains: p50, p99 and the largest latency.
 * Starts the built service in a process of its own. Usage: node dist/bench/poll-latency.js [seconds]
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareDemoInputs } from '../examples/demo-inputs.js';
import { createClient } from '../src/client/index.js';
import { startApi } from './api-process.js';

const RATE = 50;

/** Thrown to stop waiting once the job trains. */
class Training extends Error {}

const seconds = Number(process.argv[2] ?? 20);

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const inputs = await prepareDemoInputs(() => {});
const api = await startApi({ DATA_DIR: folder, LOG_LEVEL: 'warn' });
try {
  const client = createClient({ url: api.url });
  const job = await client.submit({
    model: ['model.json', 'weights.bin'].map((name) => join(inputs.modelFolder, name)),
    dataset: inputs.dataPath,
    config: { finetune: { epochs: 1000 } },
  });
  await client
    .waitForJob(job.id, {
      signal: AbortSignal.timeout(120_000),
      onProgress: ({ phase }) => {
        if (phase === 'finetuning') throw new Training();
      },
    })
    .catch((error: unknown) => {
      if (!(error instanceof Training)) throw error;
    });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  const begin = performance.now();
  const requests: Promise<void>[] = [];
  for (let i = 0; i < seconds * RATE; i++) {
    // The clock starts when the request is due, so that waiting behind a slow one counts.
    const due = begin + (i * 1000) / RATE;
    await sleep(Math.max(0, due - performance.now()));
    requests.push(
      poll(`${api.url}/jobs/${job.id}`, agent).then(() => {
        times.push(performance.now() - due);
      }),
    );
  }
  await Promise.all(requests);
  const { status, phase } = await client.getJob(job.id);
  await client.cancel(job.id);
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))].toFixed(1);
  console.log(`${times.length} requests at ${RATE}/s, one connection; the job is ${status}, ${phase}`);
  console.log(
    `p50 ${at(0.5)} ms  p99 ${at(0.99)} ms  max ${at(1)} ms  API resident ${(api.residentBytes() / 2 ** 20).toFixed(0)} MB`,
  );
} finally {
  await api.stop();
  await rm(folder, { recursive: true, force: true });
}

function poll(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
    }).on('error', reject);
  });
}
