import type { JobListener, JobOutcome, JobSpec, Phase, Warning } from '../../contract.js';
import type { StageLog } from '../measuring/stage-log.js';
import type { Progress } from '../progress.js';
import type { Scope } from '../scope.js';

/** One run of a job: what its stages are given beside what those before them found. */
export interface Job {
  readonly spec: JobSpec;
  readonly listener: JobListener;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Of what is open until the job ends. */
  readonly scope: Scope;
  /** All that were told so far. */
  readonly warnings: readonly Warning[];
  /** What each step gave; a step that changes the model adds its row. */
  readonly stages: StageLog;
}

/** What the last stage gives. */
export type Ending = Omit<JobOutcome, 'warnings'>;

/** A stage that is a phase of its own: tells it when it begins, and the job's progress when it has come to its end. */
export function stage<Before extends readonly unknown[], Found>(
  phase: Phase,
  run: (job: Job, ...before: Before) => Promise<Found>,
): (job: Job, ...before: Before) => Promise<Found> {
  return async (job, ...before) => {
    job.progress.begin(phase);
    const found = await run(job, ...before);
    job.progress.end(phase);
    return found;
  };
}
