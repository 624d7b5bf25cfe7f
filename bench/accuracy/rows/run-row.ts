import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestImages } from '../data/test-images.js';
import type { JobAnswer, JobOrder } from './job-order.js';
import type { MeasuredRow } from './measured-row.js';

const JOB_PROCESS = fileURLToPath(new URL('./job-process.js', import.meta.url));

export interface RunOptions {
  readonly model: string;
  readonly dataset?: string | undefined;
  readonly threads: number;
  readonly images: TestImages;
  readonly signal: AbortSignal;
}

/** Runs a row's job in a process of its own, and measures the file that it delivers. */
export async function runRow(
  { key, row }: Pick<MeasuredRow, 'key' | 'row'>,
  { model, dataset, threads, images, signal }: RunOptions,
): Promise<MeasuredRow> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-accuracy-'));
  const [outDir, checkpointDir] = [join(folder, 'out'), join(folder, 'checkpoints')];
  const [orderPath, answerPath] = [join(folder, 'order.json'), join(folder, 'answer.json')];
  try {
    await mkdir(outDir);
    await mkdir(checkpointDir);
    const data = dataset === undefined ? {} : { dataset };
    const order: JobOrder = { model, ...data, config: row.config, outDir, checkpointDir, threads, answerPath };
    await writeFile(orderPath, JSON.stringify(order));
    await promisify(execFile)(process.execPath, [JOB_PROCESS, orderPath], { signal });
    const { delivered, ...answer } = JSON.parse(await readFile(answerPath, 'utf8')) as JobAnswer;
    const accuracy = delivered === undefined ? null : await images.accuracyOf(join(outDir, delivered));
    return { key, row, accuracy, ...answer };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
