import { existsSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ulid } from 'ulid';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobEvent, JobOutcome, JobSpec } from '../../src/contract.js';
import { type SeededRandom, seededRandom } from '../../src/data/index.js';
import type { WorkerReport } from '../../src/jobs/messages.js';
import { type OpenQueue, openMemoryQueue } from '../../src/queue/index.js';
import { parseJobChildMessage } from '../../workers/protocol.js';
import { type ChildEnding, runChild } from '../../workers/run-child.js';
import { collectReports, type Reports } from '../contracts/reports.js';
import { compiled, createFixture, type Fixture } from '../workers/worker-fixture.js';
import { CONFIGS, resultsOf, writeInputs } from './disturbed-job.js';

/** Set ESPALIER_RANDOM_KILLS for more of them, ESPALIER_RANDOM_SEED to begin elsewhere. */
const KILLS = Number(process.env.ESPALIER_RANDOM_KILLS ?? 5);
const SEED = Number(process.env.ESPALIER_RANDOM_SEED ?? 1);
const TIMEOUT_MS = 120_000 + KILLS * 20_000;
const MEMORY = 2 ** 31;

/** A worker runs a job three times, so it can be killed twice. */
const KILLS_A_JOB = 2;

/** Draws that came too late: the job was over. */
const MISSES = 20 + 2 * KILLS;

describe('a worker’s jobs, killed at random times', () => {
  let fixture: Fixture;
  let open: OpenQueue;
  let reports: Reports;

  beforeEach(async () => {
    fixture = createFixture();
    open = openMemoryQueue({ onError: (error) => fixture.logged.push({ msg: error.message }) });
    reports = collectReports(open.queue);
    await writeInputs(fixture.dataDir);
    await fixture.start(open, {
      children: { job: compiled('workers/job-child.js') },
      limits: { jobMemoryBytes: MEMORY },
      checkpointMs: 50,
    });
  });

  afterEach(async () => {
    await fixture.dispose();
    await open.queue.close();
  });

  test('end as one that was not disturbed', { timeout: TIMEOUT_MS }, async () => {
    const random = seededRandom(SEED);
    const begun = performance.now();
    const undisturbed = await finishedResults(await begin());
    const wholeMs = performance.now() - begun;
    const killed: string[] = [];
    for (let misses = 0; killed.length < KILLS; ) {
      const jobId = await begin();
      const wanted = Math.min(1 + Math.floor(random() * KILLS_A_JOB), KILLS - killed.length);
      for (let attempt = 1; attempt <= wanted; attempt++) {
        const at = random() * wholeMs;
        if (await killAfter(jobId, attempt, at)) killed.push(`attempt ${attempt} at ${Math.round(at)} ms`);
        else expect(++misses, `seed ${SEED}: jobs end before they are killed`).toBeLessThan(MISSES);
      }
      expect(await finishedResults(jobId), `seed ${SEED}, killed: ${killed.join(', ')}`).toEqual(undisturbed);
    }
    console.info(`seed ${SEED}, a job takes ${Math.round(wholeMs)} ms, killed: ${killed.join(', ')}`);
  });

  async function begin(): Promise<string> {
    const upload = (blob: string, name: string, digit: string) => ({ blob, name, sha256: digit.repeat(64) });
    const message = {
      job_id: `job_${ulid()}`,
      attempt: 1,
      model: upload('model', 'model.json', '1'),
      dataset: upload('data.npz', 'data.npz', '2'),
      config: CONFIGS.epochs,
    };
    await open.queue.enqueue(message);
    return message.job_id;
  }

  /** Whether it was still running then. */
  async function killAfter(jobId: string, attempt: number, ms: number): Promise<boolean> {
    const isStart = (line: Record<string, unknown>) =>
      line.msg === 'job started' && line.job_id === jobId && line.attempt === attempt;
    const ended = reports.ending(jobId);
    while (!fixture.logged.some(isStart)) {
      if (await Promise.race([sleep(5), ended])) return false;
    }
    const { child } = fixture.logged.find(isStart) as unknown as { child: number };
    if (await Promise.race([sleep(ms), ended])) return false;
    try {
      return process.kill(child, 'SIGKILL');
    } catch {
      return false;
    }
  }

  async function finishedResults(jobId: string) {
    const ending: WorkerReport = await reports.ending(jobId);
    expect(ending).toMatchObject({ type: 'finished', outcome: { status: 'succeeded' } });
    const { outcome } = ending as Extract<WorkerReport, { type: 'finished' }>;
    const outDir = join(fixture.dataDir, 'jobs', jobId, 'attempts', String(ending.attempt));
    return resultsOf(outDir, outcome);
  }
});

describe('one job’s process, killed again and again', () => {
  let folder: string;
  let inputs: Awaited<ReturnType<typeof writeInputs>>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'espalier-kills-'));
    inputs = await writeInputs(folder);
  });

  test.each([
    ['epochs', KILLS, SEED + 1],
    ['iterations', Math.ceil(KILLS / 2), SEED + 2],
  ] as const)(
    '(prune steps by %s, %i kills) ends as one that was not disturbed',
    {
      timeout: TIMEOUT_MS,
    },
    async (schedule, kills, seed) => {
      const random = seededRandom(seed);
      const undisturbed = await run(specOf(schedule, 'undisturbed'));
      const expected = await resultsOf(undisturbed.outDir, outcomeOf(undisturbed.ending));
      const all = metricsOf(undisturbed.events);
      const killed: string[] = [];
      for (let job = 0; killed.length < kills; job++) {
        expect(job, `seed ${SEED}: jobs end before they are killed`).toBeLessThan(MISSES);
        for (let attempt = 1; ; attempt++) {
          const spec = { ...specOf(schedule, `job${job}`, attempt), ...drawInterval(random) };
          const hasCheckpoint = existsSync(join(spec.checkpointDir, 'checkpoint.safetensors'));
          const kill = killed.length < kills ? drawKill(undisturbed.events, random) : undefined;
          const { ending, events, outDir } = await run(spec, kill);
          const resumed = logsOf(events).find((message) => message.startsWith('resumed after'));
          if (hasCheckpoint && events.some(({ type }) => type === 'metric')) expect(resumed).toBeDefined();
          if (ending.type === 'done') {
            const context = `seed ${SEED}, killed: ${killed.join('; ')}`;
            expect(await resultsOf(outDir, outcomeOf(ending)), context).toEqual(expected);
            const metrics = metricsOf(events);
            expect(metrics, context).toEqual(all.slice(all.length - metrics.length));
            break;
          }
          expect(ending).toMatchObject({ type: 'crashed', detail: 'it was ended by SIGKILL' });
          killed.push(`${resumed === undefined ? '' : `${resumed}, `}${describeEvent(events.at(-1))}`);
        }
      }
      console.info(`seed ${SEED}, killed: ${killed.join('; ')}`);
    },
  );

  function specOf(schedule: keyof typeof CONFIGS, job: string, attempt = 1): JobSpec {
    return {
      jobId: job,
      ...inputs,
      config: CONFIGS[schedule],
      outDir: join(folder, job, `attempt${attempt}`),
      checkpointDir: join(folder, job, 'checkpoints'),
      engine: 'auto',
      threads: 1,
      memoryBytes: MEMORY,
    };
  }
});

/** When to kill: so long after an event. */
interface Kill {
  readonly isAt: (event: JobEvent, before: readonly JobEvent[]) => boolean;
  readonly afterMs: number;
}

/** Every other one anywhere in training, the others about the ends of its parts: prune steps, epochs, checkpoints, export. */
function drawKill(events: readonly JobEvent[], random: SeededRandom): Kill {
  const among = random() < 0.5 ? isAny : isTurn;
  const nth = 1 + Math.floor(random() * events.filter(among).length);
  const isAt = (event: JobEvent, before: readonly JobEvent[]) =>
    among(event) && before.filter(among).length + 1 === nth;
  return { isAt, afterMs: Math.floor(random() * 12) };
}

/** Where checkpoints follow each step, most kills come while one is written. */
function drawInterval(random: SeededRandom): Pick<JobSpec, 'checkpointMs'> {
  return [{}, { checkpointMs: 0 }, { checkpointMs: 30 }][Math.floor(random() * 3)];
}

const isAny = (): boolean => true;
const isTurn = ({ type }: JobEvent): boolean => type !== 'progress';

async function run(
  spec: JobSpec,
  kill?: Kill,
): Promise<{ ending: ChildEnding<JobOutcome>; events: JobEvent[]; outDir: string }> {
  await mkdir(spec.outDir, { recursive: true });
  await mkdir(spec.checkpointDir, { recursive: true });
  const events: JobEvent[] = [];
  let over = false;
  const child = runChild<JobEvent, JobOutcome>({
    entry: compiled('workers/job-child.js'),
    request: { type: 'run', spec },
    parse: parseJobChildMessage,
    onEvent: (event) => {
      if (kill?.isAt(event, events)) setTimeout(() => over || process.kill(child.pid!, 'SIGKILL'), kill.afterMs);
      events.push(event);
    },
    onOutput: () => {},
    limits: { memoryBytes: MEMORY, deadlineMs: TIMEOUT_MS, cancelGraceMs: 0 },
    niceness: 0,
  });
  const ending = await child.ended;
  over = true;
  return { ending, events, outDir: spec.outDir };
}

function outcomeOf(ending: ChildEnding<JobOutcome>): JobOutcome {
  if (ending.type !== 'done') throw new Error(`it ended by ${JSON.stringify(ending)}`);
  return ending.value;
}

function metricsOf(events: readonly JobEvent[]): JobEvent[] {
  return events.filter(({ type }) => type === 'metric');
}

function logsOf(events: readonly JobEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'log' ? [event.message] : []));
}

function describeEvent(event: JobEvent | undefined): string {
  if (event === undefined) return 'before its first event';
  if (event.type === 'progress') return `at ${Math.round(event.progress * 100)} %`;
  if (event.type === 'phase') return `at ${event.phase}`;
  return event.type === 'metric' ? `after ${event.name} of epoch ${event.epoch}` : `after ${event.type}`;
}
