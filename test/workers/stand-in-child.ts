/**
 * A job's child whose runner does what its config says in place of pruning, so that tests can have it crash, hang or
 * swallow memory at a known point. The rest of the child is the real one.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EspalierError } from '../../src/errors.js';
import type { JobOutcome, JobRunner } from '../../src/pipeline/contract.js';
import { serveJob } from '../../workers/serve-job.js';

/** One thing after another; each step that is done is counted in the checkpoint, and not done again. */
export type Step =
  | 'work'
  /** Dies as if the kernel had killed it, the first time it comes here. */
  | 'die-once'
  | 'die'
  | 'die-twice'
  | 'print-and-die'
  | 'exit'
  | 'fail'
  | 'fail-once'
  | 'throw'
  /** Goes on until it is canceled or killed. */
  | 'hang'
  /** The same, but only in the first run that comes here. */
  | 'hang-once'
  /** Goes on once there is a `go-on` beside the checkpoint. */
  | 'wait-for-file'
  /** Never hears of a cancel. */
  | 'block'
  | 'allocate'
  /** 8 MiB. */
  | 'write-much'
  | 'print'
  /** Logs what uploads may unpack to. */
  | 'limits'
  | 'many-reports';

const STEPS: Readonly<Record<Step, (context: Parameters<JobRunner>) => Promise<void>>> = {
  work: async () => {},
  'die-once': async ([spec]) => {
    const mark = join(spec.checkpointDir, 'died');
    if (existsSync(mark)) return;
    writeFileSync(mark, '');
    process.kill(process.pid, 'SIGKILL');
    await sleep(60_000);
  },
  /** Twice in each place of the list where it stands; leaves nothing beside the checkpoint. */
  'die-twice': async ([spec]) => {
    const done = readFileSync(join(spec.checkpointDir, 'steps-done'), 'utf8');
    const mark = join(spec.checkpointDir, '..', `died-at-${done}`);
    const times = existsSync(mark) ? Number(readFileSync(mark, 'utf8')) : 0;
    if (times === 2) return;
    writeFileSync(mark, String(times + 1));
    process.kill(process.pid, 'SIGKILL');
    await sleep(60_000);
  },
  'print-and-die': async () => {
    for (let i = 1; i <= 30; i++) process.stdout.write(`line ${i}\n`);
    // Written, as far as the pipe is: it is ended from outside of JavaScript.
    await new Promise((resolve) => void process.stdout.write('', resolve));
    process.kill(process.pid, 'SIGKILL');
    await sleep(60_000);
  },
  die: async () => void process.kill(process.pid, 'SIGKILL'),
  exit: async () => process.exit(3),
  fail: async () => {
    throw new EspalierError('LAYER_UNSUPPORTED', 'layer "x" is odd');
  },
  'fail-once': async ([spec]) => {
    const mark = join(spec.checkpointDir, '..', 'failed');
    if (existsSync(mark)) return;
    writeFileSync(mark, '');
    throw new EspalierError('TRAINING_DIVERGED', 'loss is NaN');
  },
  throw: async () => {
    throw new Error('a bug');
  },
  hang: async ([, listener, signal]) => {
    listener.log('hanging');
    await sleep(600_000, undefined, { signal }).catch(() => signal.throwIfAborted());
  },
  'hang-once': async (context) => {
    const mark = join(context[0].checkpointDir, 'hung');
    if (existsSync(mark)) return;
    writeFileSync(mark, '');
    await STEPS.hang(context);
  },
  'wait-for-file': async ([spec, listener]) => {
    listener.log('waiting');
    while (!existsSync(join(spec.checkpointDir, 'go-on'))) await sleep(20);
  },
  block: async ([, listener]) => {
    listener.log('blocking');
    await sleep(100);
    for (;;) Math.sqrt(2);
  },
  allocate: async () => {
    const held: Buffer[] = [];
    for (;;) {
      held.push(Buffer.alloc(16 * 2 ** 20, 1));
      await sleep(10);
    }
  },
  'write-much': async ([spec]) => writeFileSync(join(spec.outDir, 'much'), Buffer.alloc(8 * 2 ** 20, 1)),
  print: async () => {
    console.log('a line on stdout');
    console.error('a line on stderr');
  },
  limits: async ([spec, listener]) => listener.log('limits', { ...spec.archive }),
  'many-reports': async ([, listener]) => {
    for (let i = 1; i <= 2000; i++) {
      listener.progress(i / 2000);
      if (i % 100 === 0) {
        listener.metric({ name: 'loss', value: 1 / i, step: i });
        await sleep(10);
      }
    }
    listener.metric({ name: 'loss', value: Number.NaN });
  },
};

/** What jobs do that came over HTTP, where a config has no steps: its `seed` is an index of this. */
export const STEPS_OF_SEED: readonly (readonly Step[])[] = [
  ['work'],
  ['work', 'wait-for-file', 'work'],
  ['work', 'fail-once', 'work'],
  ['work', 'hang-once', 'work'],
  ['work', 'wait-for-file', 'write-much', 'work'],
];

const run: JobRunner = async (spec, listener, signal) => {
  const { seed, steps = STEPS_OF_SEED[seed] } = spec.config as unknown as { seed: number; steps?: readonly Step[] };
  const counter = join(spec.checkpointDir, 'steps-done');
  listener.phase('pruning');
  let ran = 0;
  for (let done = existsSync(counter) ? Number(readFileSync(counter, 'utf8')) : 0; done < steps.length; done++) {
    await STEPS[steps[done]]([spec, listener, signal]);
    writeFileSync(counter, String(done + 1));
    listener.progress((done + 1) / steps.length);
    ran += 1;
  }
  writeFileSync(join(spec.outDir, 'model.bin'), 'pruned');
  listener.warning({ code: 'STEPS', message: `${ran} of ${steps.length} steps were run here` });
  const artifact = {
    name: 'model.bin',
    content_type: 'application/octet-stream',
    size_bytes: 6,
    sha256: 'a'.repeat(64),
  };
  const outcome: JobOutcome = { status: 'succeeded', result: null, artifacts: [artifact], warnings: [] };
  return outcome;
};

serveJob(run);
