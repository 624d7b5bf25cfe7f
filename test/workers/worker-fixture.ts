import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { ulid } from 'ulid';
import { afterEach, beforeEach, expect } from 'vitest';
import { readConfig } from '../../src/config.js';
import type { JobMessage } from '../../src/jobs/messages.js';
import { type OpenQueue, openMemoryQueue } from '../../src/queue/index.js';
import { type RunningWorker, startWorker, type WorkerOptions } from '../../workers/supervisor.js';
import { collectReports, messageOf, type Reports } from '../contracts/reports.js';
import type { Step } from './stand-in-child.js';

/** Test modules that run as processes are compiled with the rest, before the tests. */
export function compiled(path: string): URL {
  return new URL(`../../dist/${path}`, import.meta.url);
}

export const STAND_IN = compiled('test/workers/stand-in-child.js');
export const STAND_IN_INSPECTOR = compiled('test/workers/stand-in-inspector.js');

export function jobOf(steps: readonly Step[]): JobMessage {
  return messageOf(`job_${ulid()}`, { steps });
}

interface StartOptions {
  readonly limits?: Partial<WorkerOptions['config']['limits']>;
  readonly children?: WorkerOptions['children'];
  readonly checkpointMs?: number;
}

export interface Fixture {
  readonly dataDir: string;
  readonly logged: Record<string, unknown>[];
  start(queue: OpenQueue, options?: StartOptions): Promise<RunningWorker>;
  /** Closes workers, and fails when a child is left or a file is left half-written. */
  dispose(): Promise<void>;
}

/** @param level of the worker's log, as LOG_LEVEL sets it */
export function createFixture(level = 'debug'): Fixture {
  const dataDir = mkdtempSync(join(tmpdir(), 'espalier-worker-'));
  const logged: Record<string, unknown>[] = [];
  const logger: Logger = pino({ level }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const workers: RunningWorker[] = [];
  return {
    dataDir,
    logged,
    start: async ({ transport }, options = {}) => {
      const worker = await startWorker({
        transport,
        blobs: { localPath: async (blob) => join(dataDir, blob) },
        logger,
        config: {
          dataDir,
          engine: 'auto',
          device: 'auto',
          threads: 1,
          checkpointMs: options.checkpointMs ?? 300_000,
          workerConcurrency: 1,
          limits: {
            ...readConfig({}).limits,
            jobMemoryBytes: 400 * 2 ** 20,
            jobDeadlineMs: 60_000,
            ...options.limits,
          },
        },
        children: { job: STAND_IN, inspect: STAND_IN_INSPECTOR, ...options.children },
      });
      workers.push(worker);
      return worker;
    },
    dispose: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
      expect(childrenOf(process.pid)).toEqual([]);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Command lines of our stand-in and product children that a process has; Linux only, elsewhere none are seen. */
export function childrenOf(parent: number): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const isOurs =
          new RegExp(`^PPid:\\s+${parent}$`, 'm').test(status) && /-child\.js|-inspector\.js/.test(command);
        return isOurs ? [`${pid} ${command}`] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

interface WorkerBench {
  fixture: Fixture;
  open: OpenQueue;
  reports: Reports;
}

/** A fixture, a queue in memory, and what is reported on it: anew for each test of the file, and closed after it. */
export function useWorker(): Readonly<WorkerBench> {
  const bench = {} as WorkerBench;
  beforeEach(() => {
    const fixture = createFixture();
    const open = openMemoryQueue({ onError: (error) => fixture.logged.push({ msg: error.message }) });
    Object.assign(bench, { fixture, open, reports: collectReports(open.queue) });
  });
  afterEach(async () => {
    await bench.fixture.dispose();
    await bench.open.queue.close();
  });
  return bench;
}
