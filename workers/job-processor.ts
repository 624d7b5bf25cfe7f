import type { Logger } from 'pino';
import type { JobEvent, JobOutcome, JobSpec, Phase } from '../src/contract.js';
import { isDiskFull, isShortage } from '../src/errors.js';
import { pause } from '../src/jobs/delivery.js';
import type { JobMessage } from '../src/jobs/messages.js';
import { toCodedError } from '../src/queue/coded-error.js';
import type { JobEnding, JobPayload, ProgressBatch } from '../src/queue/payloads.js';
import type { Handler, TakenTask } from '../src/queue/work-queue.js';
import { type Attempt, claimAttempt, findFinishedAttempt } from './attempt.js';
import { MAX_STARTS, readStarts, takeBackStart } from './fruitless-starts.js';
import { CANCELED, createTranslator, failed, judge, type Verdict } from './job-run.js';
import { createLastLines } from './last-lines.js';
import { logFault } from './log-fault.js';
import { parseJobChildMessage } from './protocol.js';
import { ReportBatcher } from './report-batcher.js';
import { removeHalfWritten, untilRoom } from './room.js';
import { type ChildLimits, type ChildRun, runChild } from './run-child.js';
import { type RunningTime, startRunningTime } from './running-time.js';
import type { WorkerContext } from './worker-context.js';

type Job = TakenTask<JobPayload, ProgressBatch>;

/** The API and the reading of uploads come first. */
const JOB_NICENESS = 10;

/** So long a job waits that could not be started, before it goes back to the queue. */
const SHORTAGE_MS = 5000;

/** A job that this worker holds, and how to end it from outside. */
interface HeldJob {
  readonly job: Job;
  end: 'cancel' | 'stop' | undefined;
  child: ChildRun<JobOutcome> | undefined;
  /** Fires when an end is asked for. */
  readonly asked: AbortController;
  /** Resolves when this run of it is. */
  readonly over: Promise<void>;
}

export interface JobProcessor {
  readonly process: Handler<JobPayload, ProgressBatch, JobEnding>;
  /** A cancel that came in: nothing happens when the job is not here. */
  cancel(jobId: string): void;
  /** Ends one job's child, or all of them for good, so that the job can be run elsewhere or later. */
  stop(jobId?: string): void;
  /** The queue has lost its jobs: the children of all end, and the jobs may come again. */
  letGo(): void;
  /** Looks for cancels that were not heard while the queue was away. */
  hearCancels(): Promise<void>;
}

/** Runs queued jobs, each in a child, and turns whatever happens to the child into reports and an ending. */
export function createJobProcessor(context: WorkerContext): JobProcessor {
  const held = new Map<string, HeldJob>();
  /** Set for good by `stop()`: a job that was on its way to us then is given back, too. */
  let stopping = false;

  const end = (jobId: string, how: 'cancel' | 'stop'): void => {
    const job = held.get(jobId);
    if (job === undefined) return;
    job.end = how;
    job.asked.abort();
    job.child?.[how]();
  };

  return {
    cancel: (jobId) => end(jobId, 'cancel'),
    stop: (jobId) => {
      stopping ||= jobId === undefined;
      for (const id of jobId === undefined ? [...held.keys()] : [jobId]) end(id, 'stop');
    },
    letGo: () => {
      for (const id of held.keys()) end(id, 'stop');
    },
    hearCancels: async () => {
      for (const [id, { job }] of [...held]) if (await job.isCanceled()) end(id, 'cancel');
    },
    process: async (job) => {
      const { message } = job.payload;
      // The queue may hand out a job again that it took from us, before its child is gone.
      await held.get(message.job_id)?.over;
      let tellOver = (): void => {};
      const over = new Promise<void>((resolve) => {
        tellOver = resolve;
      });
      const mine: HeldJob = {
        job,
        end: stopping ? 'stop' : undefined,
        child: undefined,
        asked: new AbortController(),
        over,
      };
      held.set(message.job_id, mine);
      try {
        // Read again, now that a cancel event would find the job here: no cancel falls between the two.
        if (await job.isCanceled()) mine.end ??= 'cancel';
        return await runToEnd(context, mine);
      } finally {
        held.delete(message.job_id);
        tellOver();
      }
    },
  };
}

/** Runs a job until it has ended, as often as that takes; undefined when another run of it is for the queue to give out. */
async function runToEnd(context: WorkerContext, mine: HeldJob): Promise<JobEnding | undefined> {
  const { message } = mine.job.payload;
  for (;;) {
    let attempt: Attempt | undefined;
    try {
      const earlier = await findFinishedAttempt(context.folders, message.job_id);
      if (earlier !== undefined) {
        return { attempt: earlier.attempt, event: { type: 'finished', outcome: earlier.outcome } };
      }
      attempt = await claimWithRoom(context, message, mine);
    } catch (error) {
      const log = context.logger.child({ job_id: message.job_id });
      if (!isShortage(error)) return { attempt: message.attempt, event: notRun(log, error) };
      log.warn({ err: error }, 'the job could not be started; it is tried again');
      await pause(SHORTAGE_MS, mine.asked.signal);
      if (mine.end === 'cancel') return canceled(message.attempt);
      return undefined;
    }
    if (attempt === undefined) return mine.end === 'cancel' ? canceled(message.attempt) : undefined;
    const verdict = await runAttempt(context, attempt, mine);
    if (verdict.type === 'ended') return { attempt: attempt.attempt, event: verdict.event };
    // Here, and not in the queue: there is no room for any other job either.
    if (verdict.type === 'no-room' && mine.end === undefined) await untilRoom(context.dataDir, mine.asked.signal);
    if (verdict.type === 'not-started') await pause(SHORTAGE_MS, mine.asked.signal);
    if (mine.end === 'cancel') return canceled(attempt.attempt);
    if (verdict.type !== 'crashed') await takeBackStart(attempt.checkpointDir);
    if (verdict.type !== 'no-room' || mine.end === 'stop') return undefined;
  }
}

function canceled(attempt: number): JobEnding {
  return { attempt, event: { type: 'finished', outcome: CANCELED } };
}

/** Even a folder needs room. Undefined when an end is asked for before there is any. */
async function claimWithRoom(context: WorkerContext, message: JobMessage, mine: HeldJob): Promise<Attempt | undefined> {
  for (;;) {
    try {
      return await claimAttempt(context.folders, message.job_id, message.attempt);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      if (mine.end !== undefined) return undefined;
      await untilRoom(context.dataDir, mine.asked.signal);
    }
  }
}

async function runAttempt(context: WorkerContext, attempt: Attempt, mine: HeldJob): Promise<Verdict> {
  const { message } = mine.job.payload;
  const log = context.logger.child({
    job_id: message.job_id,
    attempt: attempt.attempt,
    ...(message.request_id === undefined ? {} : { request_id: message.request_id }),
  });
  const reports = new ReportBatcher(
    (events) => mine.job.report({ attempt: attempt.attempt, events }),
    (error) => log.error({ err: error }, 'reports could not be sent'),
  );
  reports.push({ type: 'started' });
  const translator = createTranslator();
  const limits = context.limits.job;
  const lastLines = createLastLines();
  let time: RunningTime | undefined;
  try {
    time = await startRunningTime(attempt.checkpointDir, attempt.attempt, (err) =>
      log.error({ err }, "the job's time could not be written down"),
    );
    const deadlineMs = limits.deadlineMs - time.spentMs;
    const spec = await specOf(context, message, attempt);
    const starts = await readStarts(attempt.checkpointDir);
    if (deadlineMs <= 0) return judge({ type: 'deadline' }, translator.phase, limits);
    if (starts.before >= MAX_STARTS) return gaveUp('its worker died with it', starts.before, starts.lastLines, null);
    if (mine.end === undefined) await starts.begin();
    // Nothing is awaited from here to the child's start: an end that is asked for finds one or the other.
    if (mine.end === 'cancel') return { type: 'ended', event: { type: 'finished', outcome: CANCELED } };
    if (mine.end === 'stop') return { type: 'given-back' };
    const onEvent = (event: JobEvent) => {
      if (event.type === 'log') lastLines.add(event.message);
      reports.push(translator.translate(event));
    };
    const child = startChild(context, spec, { ...limits, deadlineMs }, log, onEvent, lastLines.add);
    mine.child = child;
    const ending = await child.ended;
    const verdict = judge(ending, translator.phase, limits);
    if (verdict.type === 'no-room') return await withoutRoom(verdict.detail, attempt, reports, log);
    if (verdict.type === 'not-started') return notStarted(verdict.detail, reports, log);
    if (ending.type === 'error') logFault(log, ending);
    else if (verdict.type === 'ended' && verdict.event.type === 'failed') {
      const { code, message: text } = verdict.event.error;
      log.error({ code }, `the job's process was killed: ${text}`);
    }
    if (verdict.type !== 'crashed') return verdict;
    const count = await starts.countNow();
    log.error({ starts: count, stderr: verdict.lastWords }, `the job's process died: ${verdict.detail}`);
    if (count >= MAX_STARTS) return gaveUp(verdict.detail, count, lastLines.lines, translator.phase);
    await starts.remember(lastLines.lines);
    reports.push({ type: 'log', message: `the job's process died (${verdict.detail}); trying again` });
    return verdict;
  } catch (error) {
    if (isDiskFull(error)) return await withoutRoom(toCodedError(error).message, attempt, reports, log);
    if (isShortage(error)) return notStarted(toCodedError(error).message, reports, log);
    return { type: 'ended', event: notRun(log, error) };
  } finally {
    await time?.stop();
    await reports.flush();
  }
}

/** The end of a job that came to no child: a folder that can't be written, say. */
function notRun(log: Logger, error: unknown): JobEnding['event'] {
  log.error({ err: error }, 'the job could not be run');
  const { code, message, retryable } = toCodedError(error);
  return { type: 'failed', error: { code, message, phase: null, retryable } };
}

/** Ends a run for which the disk has no room; what it could not write to its end takes none any more. */
async function withoutRoom(detail: string, attempt: Attempt, reports: ReportBatcher, log: Logger): Promise<Verdict> {
  log.warn({ detail }, 'the disk is full; the job waits');
  await removeHalfWritten(attempt);
  const message = `${detail}; the job waits, and goes on from its last checkpoint once there is room`;
  reports.push({ type: 'waiting', code: 'DISK_FULL', message });
  return { type: 'no-room', detail };
}

/** It goes back to the queue: another worker may have what this one lacks. */
function notStarted(detail: string, reports: ReportBatcher, log: Logger): Verdict {
  log.warn({ detail }, 'the job could not be started; it is tried again');
  reports.push({ type: 'waiting', code: 'UNAVAILABLE', message: `${detail}; the job waits, and is tried again` });
  return { type: 'not-started', detail };
}

/** Once more would end as the last times did. */
function gaveUp(detail: string, starts: number, lines: readonly string[], phase: Phase | null): Verdict {
  const last = lines.length === 0 ? 'it printed nothing' : `its last lines:\n${lines.join('\n')}`;
  const message = `the job's process died in each of ${starts} starts without a new checkpoint; at last ${detail}; ${last}`;
  return failed('WORKER_CRASHED', message, phase);
}

function startChild(
  context: WorkerContext,
  spec: JobSpec,
  limits: ChildLimits,
  log: Logger,
  onEvent: (event: JobEvent) => void,
  onLine: (line: string) => void,
): ChildRun<JobOutcome> {
  const child = runChild<JobEvent, JobOutcome>({
    entry: context.entries.job,
    request: { type: 'run', spec },
    parse: parseJobChildMessage,
    onEvent,
    onOutput: (stream, line) => {
      log.info({ stream }, line);
      onLine(line);
    },
    limits,
    niceness: JOB_NICENESS,
  });
  log.info({ child: child.pid }, 'job started');
  return child;
}

async function specOf(context: WorkerContext, message: JobMessage, attempt: Attempt): Promise<JobSpec> {
  const located = async ({ blob, name, sha256 }: JobMessage['model']) => ({
    path: await context.blobs.localPath(blob),
    name,
    sha256,
  });
  return {
    jobId: message.job_id,
    model: await located(message.model),
    ...(message.dataset === undefined ? {} : { dataset: await located(message.dataset) }),
    config: message.config,
    outDir: attempt.outDir,
    checkpointDir: attempt.checkpointDir,
    checkpointMs: context.checkpointMs,
    engine: context.engine,
    device: context.device,
    threads: context.threads,
    memoryBytes: context.limits.job.memoryBytes,
    archive: context.archives.model,
    datasetArchive: context.archives.dataset,
    plugins: context.plugins,
  };
}
