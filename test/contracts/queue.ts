import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EspalierError } from '../../src/errors.js';
import type { JobQueue, WorkerEvent } from '../../src/jobs/messages.js';
import type { OpenQueue } from '../../src/queue/index.js';
import {
  type InspectionAnswer,
  type InspectionPayload,
  type JobEnding,
  type JobPayload,
  openInspections,
  openJobs,
  type ProgressBatch,
} from '../../src/queue/payloads.js';
import type { Consumer, ConsumerOptions, Handler, Transport } from '../../src/queue/work-queue.js';
import { collectReports, gate, messageOf, type Reports } from './reports.js';

type Process = Handler<JobPayload, ProgressBatch, JobEnding>;

const DONE: JobEnding['event'] = {
  type: 'finished',
  outcome: { status: 'succeeded', result: null, artifacts: [], warnings: [] },
};

/** What every queue must do, whatever carries it. `open` gives a fresh, empty one. */
export function queueContract(open: (onError: (error: Error) => void) => OpenQueue): void {
  let queue: JobQueue;
  let transport: Transport;
  let errors: Error[];
  let reports: Reports;
  let parts: { close(): Promise<void> }[];

  beforeEach(() => {
    errors = [];
    ({ queue, transport } = open((error) => errors.push(error)));
    reports = collectReports(queue);
    parts = [];
  });

  afterEach(async () => {
    for (const part of parts.reverse()) await part.close();
    await queue.close();
  });

  const jobsOf = (): ReturnType<typeof openJobs> => {
    const jobs = openJobs(transport);
    parts.push(jobs);
    return jobs;
  };
  const startWorker = (process: Process, options: Partial<ConsumerOptions> = {}): Consumer => {
    const consumer = jobsOf().take(process, { concurrency: 1, leaseMs: 20_000, ...options });
    parts.push(consumer);
    return consumer;
  };

  test('runs jobs in the order in which they came, and reports each ending', async () => {
    const ran: string[] = [];
    for (const id of ['job_a', 'job_b', 'job_c']) await queue.enqueue(messageOf(id));
    startWorker(async (job) => {
      ran.push(job.payload.message.job_id);
      return { attempt: 1, event: DONE };
    });
    const ending = await reports.ending('job_c');
    expect(ending).toEqual({ job_id: 'job_c', attempt: 1, ...DONE });
    expect(ran).toEqual(['job_a', 'job_b', 'job_c']);
    expect(reports.all.map(({ job_id }) => job_id)).toEqual(ran);
  });

  test('delivers what a run reports in order, before its ending', async () => {
    startWorker(async (job) => {
      await job.report({ attempt: 4, events: [{ type: 'started' }] });
      const events: WorkerEvent[] = [
        { type: 'log', message: 'hello' },
        { type: 'progress', phase: 'pruning', progress: 0.5 },
      ];
      await job.report({ attempt: 4, events });
      return { attempt: 4, event: DONE };
    });
    await queue.enqueue(messageOf('job_a'));
    await reports.ending('job_a');
    expect(reports.all).toEqual([
      { job_id: 'job_a', attempt: 4, type: 'started' },
      { job_id: 'job_a', attempt: 4, type: 'log', message: 'hello' },
      { job_id: 'job_a', attempt: 4, type: 'progress', phase: 'pruning', progress: 0.5 },
      { job_id: 'job_a', attempt: 4, ...DONE },
    ]);
  });

  test('a job queued twice runs once; queued again after its end, its ending is told again until it is forgotten', async () => {
    let runs = 0;
    await queue.enqueue(messageOf('job_a'));
    await queue.enqueue(messageOf('job_a'));
    startWorker(async () => ({ attempt: ++runs, event: DONE }));
    await reports.ending('job_a');
    await queue.enqueue(messageOf('job_a'));
    expect(reports.ofJob('job_a').map(({ attempt }) => attempt)).toEqual([1, 1]);
    await queue.forget('job_a');
    await queue.enqueue(messageOf('job_a'));
    await reports.until(({ attempt }) => attempt === 2);
    expect(runs).toBe(2);
  });

  test('a run that throws is tried three times, then the job has crashed', async () => {
    let runs = 0;
    startWorker(async (job) => {
      await job.report({ attempt: ++runs, events: [] });
      throw new Error('the child died');
    });
    await queue.enqueue(messageOf('job_a'));
    const ending = await reports.ending('job_a');
    expect(ending).toMatchObject({ attempt: 3, type: 'failed', error: { code: 'WORKER_CRASHED', retryable: true } });
    expect(runs).toBe(3);
  });

  test('a run that its worker gives back is taken by another, and is not counted as a failure', async () => {
    const runs: number[] = [];
    const running = gate();
    const first = startWorker(async () => {
      runs.push(1);
      running.open();
      return undefined;
    });
    await queue.enqueue(messageOf('job_a'));
    await running.passed;
    await first.close();
    startWorker(async () => {
      runs.push(2);
      // As often as this a run that throws would not be tried again.
      return runs.filter((by) => by === 2).length < 5 ? undefined : { attempt: runs.length, event: DONE };
    });
    expect(await reports.ending('job_a')).toEqual({ job_id: 'job_a', attempt: runs.length, ...DONE });
  });

  test('a run whose worker no longer renews its lease goes to another worker', async () => {
    const dead = gate();
    const taken = gate();
    startWorker(
      async () => {
        taken.open();
        await dead.passed;
        return { attempt: 1, event: DONE };
      },
      { leaseMs: 100, heartbeatMs: 60_000 },
    );
    await queue.enqueue(messageOf('job_a'));
    await taken.passed;
    startWorker(async () => ({ attempt: 2, event: DONE }), { leaseMs: 1000 });
    expect(await reports.ending('job_a')).toMatchObject({ attempt: 2 });
    // What the first worker brings now comes too late: it is an error there, and no second ending here.
    dead.open();
    await expect
      .poll(() => errors.map(({ message }) => message).join())
      .toMatch(/Missing (lock|key) for job job_a|lease on job_a has ended/);
    expect(reports.ofJob('job_a')).toHaveLength(1);
  });

  test('cancel removes a waiting job, which then never runs', async () => {
    const ran: string[] = [];
    await queue.enqueue(messageOf('job_a'));
    await queue.enqueue(messageOf('job_b'));
    expect(await queue.cancel('job_a')).toBe('removed');
    expect(await queue.cancel('job_a')).toBe('unknown');
    startWorker(async (job) => {
      ran.push(job.payload.message.job_id);
      return { attempt: 1, event: DONE };
    });
    await reports.ending('job_b');
    expect(ran).toEqual(['job_b']);
  });

  test('cancel of a running job reaches its worker, and stands on the job for the next one', async () => {
    const running = gate();
    const heard = gate<string>();
    const subscription = jobsOf().listen({ canceled: heard.open });
    parts.push(subscription);
    await subscription.open;
    const stands: boolean[] = [];
    startWorker(async (job) => {
      stands.push(await job.isCanceled());
      running.open();
      await heard.passed;
      return stands.length === 1 ? undefined : { attempt: 2, event: DONE };
    });
    await queue.enqueue(messageOf('job_a'));
    await running.passed;
    expect(await queue.cancel('job_a')).toBe('signaled');
    expect(await heard.passed).toBe('job_a');
    await reports.ending('job_a');
    expect(stands).toEqual([false, true]);
    expect(await queue.cancel('job_a')).toBe('unknown');
  });

  describe('inspections', () => {
    const upload = { blob: 'blobs/x', name: 'm.zip', sha256: '0' };
    const answer = (process: (payload: InspectionPayload) => InspectionAnswer) => {
      const inspections = openInspections(transport);
      parts.push(
        inspections,
        inspections.take(async ({ payload }) => process(payload), { concurrency: 2, leaseMs: 20_000 }),
      );
    };

    test('are answered while jobs run', async () => {
      const end = gate();
      const running = gate();
      startWorker(async () => {
        running.open();
        await end.passed;
        return { attempt: 1, event: DONE };
      });
      await queue.enqueue(messageOf('job_a'));
      await running.passed;
      answer(({ kind, upload }) => ({ ok: { kind, format: upload.name } as never }));
      expect(await queue.inspect('model', upload)).toEqual({ kind: 'model', format: 'm.zip' });
      end.open();
      await reports.ending('job_a');
    });

    test('answer with a coded error, fields and all', async () => {
      const errors = [{ pointer: '/x', message: 'bad' }];
      answer(() => ({ error: { code: 'LAMBDA_LAYER', message: 'layer l1', errors, retryable: false } }));
      const failure = await queue.inspect('model', upload).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(EspalierError);
      expect(failure).toMatchObject({ code: 'LAMBDA_LAYER', message: 'layer l1', errors, status: 422 });
    });

    test('that break in the worker are the service being unavailable', async () => {
      answer(() => {
        throw new Error('no such executable');
      });
      await expect(queue.inspect('dataset', upload)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    });
  });
}
