import { isFinished, type JobState } from './job.js';
import type { JobEvent, JobEvents } from './job-events.js';
import type { WorkerReport } from './messages.js';

/** An event, or the status as it is now, which has no id; undefined: nothing happened for a while. */
export type Watched = JobEvent | Pick<JobEvent, 'type' | 'data'> | undefined;

export interface Watch {
  /** Reads the record; undefined once the job is deleted. */
  find(): Promise<JobState | undefined>;
  readonly events: JobEvents;
  readonly jobId: string;
  /** The id of the last event that was seen. */
  readonly last: string | undefined;
  /** After so long without an event an undefined comes. */
  readonly quietMs: number;
  readonly signal: AbortSignal;
}

/**
 * What happens to a job, as it happens: what came after the last event that was seen (all that is known of, without one),
 * then what comes. Where no event is known, or the last one was of an earlier process, the status comes first. Ends with
 * the final status, or when the signal fires; at once where that status was seen already.
 */
export async function* watchJob({ find, events, jobId, last, quietMs, signal }: Watch): AsyncGenerator<Watched> {
  const job = await find();
  const known = events.isKnown(last);
  const missed = events.after(jobId, last);
  if (job && isFinished(job) && known && missed.length === 0) return;
  if (known && missed.length === 0) yield undefined;
  else if (job && (missed.length === 0 || last !== undefined) && !known) yield { type: 'status', data: statusOf(job) };
  let seen = last;
  for (;;) {
    for (const event of events.after(jobId, seen)) {
      yield event;
      seen = event.id;
    }
    const now = await find();
    // Nothing is awaited from here to the listening: no event falls between.
    if (events.after(jobId, seen).length > 0) continue;
    if (!now || isFinished(now) || signal.aborted) return;
    await events.next(jobId, quietMs, signal);
    if (events.after(jobId, seen).length === 0) yield undefined;
  }
}

/** A record as those who watch see it. */
export function statusOf({ status, phase, progress, error }: JobState): object {
  return { status, phase, progress, error };
}

/** A report as those who watch see it; a change of status is told once it is on the record. */
export function eventOf(report: WorkerReport): Pick<JobEvent, 'type' | 'data'> | undefined {
  switch (report.type) {
    case 'progress':
      return { type: 'progress', data: { phase: report.phase, progress: report.progress } };
    case 'metric': {
      const { name, value, step, epoch } = report;
      return { type: 'metric', data: { name, value, step, epoch } };
    }
    case 'log':
      return { type: 'log', data: { level: 'info', message: report.message, fields: report.fields } };
    case 'warning':
    case 'waiting':
      return { type: 'log', data: { level: 'warning', code: report.code, message: report.message } };
    default:
      return undefined;
  }
}
