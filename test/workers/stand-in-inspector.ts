/** An inspection's child that does what the upload's name says. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EspalierError } from '../../src/errors.js';
import { serveInspection } from '../../workers/serve-inspection.js';
import { INSPECTION } from '../jobs/samples.js';

const READ: Readonly<Record<string, (limits: unknown) => Promise<unknown>>> = {
  'good.zip': async () => ({ format: 'onnx' }),
  'tiny.zip': async () => INSPECTION,
  'limits.zip': async (limits) => limits,
  'lambda.zip': async () => {
    throw new EspalierError('LAMBDA_LAYER', 'layer "f" holds code', { errors: [{ pointer: '/f', message: 'code' }] });
  },
  'slow.zip': () => sleep(600_000),
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
  'crash.zip': async () => void process.kill(process.pid, 'SIGSEGV'),
};

const read = (_path: string, name: string, limits: unknown) => READ[name](limits) as never;
serveInspection({ model: read, dataset: read });
