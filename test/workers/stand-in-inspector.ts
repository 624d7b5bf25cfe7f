/** An inspection's child that does what the upload's name says. */
import { existsSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { EspalierError } from '../../src/errors.js';
import { serveInspection } from '../../workers/serve-inspection.js';
import { DATASET, INSPECTION } from '../jobs/samples.js';

const READ: Readonly<Record<string, (limits: unknown, path: string) => Promise<unknown>>> = {
  'good.zip': async () => ({ format: 'onnx' }),
  'tiny.zip': async () => INSPECTION,
  'data.zip': async () => DATASET,
  'limits.zip': async (limits) => limits,
  'lambda.zip': async () => {
    throw new EspalierError('LAMBDA_LAYER', 'layer "f" holds code', { errors: [{ pointer: '/f', message: 'code' }] });
  },
  'bug.zip': async () => {
    throw new TypeError('undefined is no layer');
  },
  'slow.zip': async () => {
    for (;;) Math.sqrt(2);
  },
  // As on a machine that has no time for it.
  'waiting.zip': () => sleep(600_000),
  'odd.zip': async () => (undefined as unknown as { x: { y: number } }).x.y,
  'deep.zip': async () => {
    const dig = (n: number): number => n + dig(n + 1);
    return dig(0);
  },
  'disk.zip': () => readFile('/proc/self/mem'),
  'long.zip': async () => ({
    format: 'onnx',
    name: 'n'.repeat(5000),
    warnings: many({ code: 'W', message: 'm'.repeat(50_000) }),
  }),
  'huge.zip': async () => ({ format: 'onnx', names: many('x'.repeat(1000), 20_000) }),
  'bomb.zip': async () => {
    const held: Buffer[] = [];
    for (;;) {
      held.push(Buffer.alloc(16 * 2 ** 20, 1));
      await sleep(5);
    }
  },
  'heap.zip': async () => {
    const held: object[] = [];
    for (;;) held.push({ held: [held.length] });
  },
  'crash.zip': async () => crash(),
  'crash-once.zip': async (_, path) => (isSecondTry(path) ? INSPECTION : crash()),
  'killed.zip': async () => killed(),
  'killed-once.zip': async (_, path) => (isSecondTry(path) ? INSPECTION : killed()),
  'killed-then-crash.zip': async (_, path) => (isSecondTry(path) ? crash() : killed()),
  'short.zip': async () => {
    console.error('Error: EAGAIN: resource temporarily unavailable, uv_thread_create');
    process.abort();
  },
  'no-files.zip': async () => {
    throw Object.assign(new Error('EMFILE: too many open files, open'), { code: 'EMFILE', syscall: 'open' });
  },
};

function crash(): void {
  console.error('a library says why');
  process.kill(process.pid, 'SIGSEGV');
}

/** As the kernel does where memory is short. */
function killed(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Leaves a mark beside the upload. */
function isSecondTry(path: string): boolean {
  const mark = `${path}.tried`;
  if (existsSync(mark)) return true;
  writeFileSync(mark, '');
  return false;
}

function many<T>(value: T, count = 500): T[] {
  return Array.from({ length: count }, () => value);
}

const read = (path: string, name: string, limits: unknown) => READ[name](limits, path) as never;
serveInspection({ model: read, dataset: read });
