/**
 * A job's child whose runner does what its config says in place of pruning, so that tests can have it crash, hang or
 * swallow memory at a known point. The rest of the child is the real one.
 */
import { existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobOutcome, JobRunner } from '../../src/contract.js';
import { openEngine } from '../../src/engine/index.js';
import { EspalierError } from '../../src/errors.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { tensor } from '../../src/graph/tensor.js';
import { CHANNEL_FD } from '../../workers/frames.js';
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
  /** Has an engine look up a row that its table hasn't. */
  | 'look-up'
  /** Says on stderr why, and exits. */
  | 'exit-with-words'
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
  | 'many-reports'
  /** Warnings that are longer, and more, than the protocol takes. */
  | 'long-warnings'
  /** A result whose names are longer than records take. */
  | 'long-fields'
  /** Bytes that are no message. */
  | 'garbage'
  /** A message of another shape than the protocol's. */
  | 'wrong-shape'
  /** The length of a line without its end. */
  | 'endless-line'
  | 'deep-message'
  /** Half a message, then it is gone. */
  | 'half-a-line'
  /** A `result.json` that it did not come by as it should, then it is gone. */
  | 'false-result'
  /** More memory at once than it may have. */
  | 'allocate-at-once';

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
    throw new Error('a bug', { cause: new Error('its cause') });
  },
  'look-up': async () => {
    const engine = await openEngine({ engine: 'auto', threads: 1 });
    const b = new GraphBuilder('words');
    const table = b.constant('table', tensor('float32', [2, 1], [1, 2]), 'parameter');
    const index = b.input('index', { dtype: 'int64', shape: ['N'] });
    b.output('y', b.op('Gather', [table, index], { axis: 0 }, { layer: 'embedding' }));
    const compiled = await engine.compile(b.build());
    await compiled.run(new Map([['index', tensor('int64', [1], [7])]]));
  },
  'exit-with-words': async () => {
    console.error('assertion of a library failed');
    process.exit(3);
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
  'long-warnings': async ([, listener]) => {
    listener.warning({ code: 'LONG', message: 'w'.repeat(100_000) });
    outcomeWarnings = Array.from({ length: 300 }, () => ({ code: 'LONG', message: 'w'.repeat(100_000) }));
  },
  'long-fields': async ([, listener]) => listener.log('long', { text: 'x'.repeat(100_000) }),
  garbage: () => writeAndHang(Buffer.from([0, 0, 0, 255, 15, 255, 10, 0, 200, 10])),
  'wrong-shape': () => writeAndHang('{"type":"done","value":{"status":"mighty"}}\n'),
  'endless-line': async () => {
    for (let i = 0; i < 20; i++) await write('x'.repeat(2 ** 20));
    await sleep(600_000);
  },
  'deep-message': () => writeAndHang(`{"type":"log","message":"m","fields":${'['.repeat(5000)}${']'.repeat(5000)}}\n`),
  'half-a-line': async () => {
    await write('{"type":"progr');
    process.exit(0);
  },
  'false-result': async ([spec]) => {
    writeFileSync(join(spec.outDir, 'result.json'), '{"status":"succeeded","artifacts":"../../etc"}');
    process.exit(1);
  },
  'allocate-at-once': async () => {
    const held: ArrayBuffer[] = [];
    for (;;) held.push(new ArrayBuffer(2 ** 46));
  },
  'write-much': async ([spec]) => writeFileSync(join(spec.outDir, 'much'), Buffer.alloc(8 * 2 ** 20, 1)),
  print: async () => {
    console.log('a line on stdout');
    console.error('a line on stderr');
  },
  limits: async ([spec, listener]) =>
    listener.log('limits', { archive: spec.archive, datasetArchive: spec.datasetArchive }),
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

let outcomeWarnings: JobOutcome['warnings'] = [];

/** Past the channel's own checks, straight to its socket. */
async function write(data: string | Buffer): Promise<void> {
  for (let rest = Buffer.from(data); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(CHANNEL_FD, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await sleep(1);
    }
  }
}

async function writeAndHang(data: string | Buffer): Promise<void> {
  await write(data);
  await sleep(600_000);
}
/** What jobs do that came over HTTP, where a config has no steps: its `seed` is an index of this. */
export const STEPS_OF_SEED: readonly (readonly Step[])[] = [
  ['work'],
  ['work', 'wait-for-file', 'work'],
  ['work', 'fail-once', 'work'],
  ['work', 'hang-once', 'work'],
  ['work', 'wait-for-file', 'write-much', 'work'],
  ['work', 'block'],
  ['work', 'allocate'],
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
  const outcome: JobOutcome = { status: 'succeeded', result: null, artifacts: [artifact], warnings: outcomeWarnings };
  return outcome;
};

serveJob(run);
