import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WorkerReport } from '../../src/jobs/messages.js';
import { compiled, jobOf, useWorker } from '../workers/worker-fixture.js';

describe('the process of a job that dies', () => {
  const worker = useWorker();

  beforeEach(async () => {
    await worker.fixture.start(worker.open);
  });

  test('midway is started again and goes on from the checkpoint', async () => {
    const job = jobOf(['work', 'work', 'die-once', 'work']);
    await worker.open.queue.enqueue(job);
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ attempt: 2, outcome: { status: 'succeeded' } });
    const told = worker.reports.ofJob(job.job_id);
    expect(told).toContainEqual(expect.objectContaining({ type: 'warning', message: '2 of 4 steps were run here' }));
    const log = { type: 'log', attempt: 1, message: expect.stringContaining('it was ended by SIGKILL') };
    expect(told).toContainEqual(expect.objectContaining(log));
  });

  test.each([
    ['die', 'it was ended by SIGKILL'],
    ['exit', 'it exited with code 3 and no result'],
  ] as const)('each time (%s) has been started three times without a new checkpoint', async (step, words) => {
    const job = jobOf(['print', step]);
    await worker.open.queue.enqueue(job);
    const error = {
      code: 'WORKER_CRASHED',
      phase: 'pruning',
      retryable: false,
      message: expect.stringContaining(words),
    };
    // The first start came to a checkpoint, after 'print'.
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ type: 'failed', attempt: 4, error });
  });

  test('tells the last lines that it printed', async () => {
    const job = jobOf(['print-and-die']);
    await worker.open.queue.enqueue(job);
    const ending = (await worker.reports.ending(job.job_id)) as Extract<WorkerReport, { type: 'failed' }>;
    expect(ending).toMatchObject({ attempt: 3, error: { code: 'WORKER_CRASHED', retryable: false } });
    expect(ending.error.message).toMatch(/in each of 3 starts without a new checkpoint.*its last lines:\n/);
    expect(ending.error.message).toMatch(/\nline 29\nline 30$/);
    expect(ending.error.message).not.toContain('line 20\n');
  });

  test('between checkpoints is started again however often it is, as long as there are new ones', async () => {
    const job = jobOf(['die-once', 'work', 'die-twice', 'work', 'die-twice', 'work']);
    await worker.open.queue.enqueue(job);
    expect(await worker.reports.ending(job.job_id)).toMatchObject({ attempt: 6, outcome: { status: 'succeeded' } });
  });

  test('does not disturb the next job', async () => {
    const [bad, good] = [jobOf(['die']), jobOf(['work'])];
    await worker.open.queue.enqueue(bad);
    await worker.open.queue.enqueue(good);
    expect(await worker.reports.ending(good.job_id)).toMatchObject({ outcome: { status: 'succeeded' } });
    expect(await worker.reports.ending(bad.job_id)).toMatchObject({ error: { code: 'WORKER_CRASHED' } });
  });
});

describe('the process that started a job dies', () => {
  let parent: ChildProcess;
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'espalier-orphan-'));
  });

  afterEach(() => {
    parent.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(['hang', 'block'])('a child that is in %s is gone within two seconds', async (step) => {
    parent = fork(compiled('test/fault/orphan-maker.js'), [step, folder]);
    const [{ pid }] = (await once(parent, 'message')) as [{ pid: number }];
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    const killedMs = Date.now();
    // There is no event for the end of a process that is not our child.
    while (isAlive(pid) && Date.now() - killedMs < 5000) await sleep(20);
    expect(Date.now() - killedMs).toBeLessThan(2000);
  });
});

describe('the process that started a job stands still', () => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-orphan-'));
  let parents: ChildProcess[] = [];

  afterEach(() => {
    for (const parent of parents) parent.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  test('its child is gone before long, and that of one that goes on is not', async () => {
    parents = ['block', 'hang'].map((step) => fork(compiled('test/fault/orphan-maker.js'), [step, folder]));
    const pids = await Promise.all(parents.map(async (parent) => (await once(parent, 'message'))[0].pid));
    parents[0].kill('SIGSTOP');
    const stoppedMs = Date.now();
    while (isAlive(pids[0]) && Date.now() - stoppedMs < 40_000) await sleep(100);
    // Its hold on the job lasts 20 s.
    expect(Date.now() - stoppedMs).toBeLessThan(25_000);
    expect(isAlive(pids[1])).toBe(true);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie is dead, whatever the kernel says to signal 0.
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
