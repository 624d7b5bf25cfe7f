import type { JobEvent, JobOutcome, Phase } from '../src/contract.js';
import type { WorkerEvent } from '../src/jobs/messages.js';
import type { JobEnding } from '../src/queue/payloads.js';
import type { ChildEnding, ChildLimits } from './run-child.js';

/** What a child says, as reports: phase and progress travel together. */
export function createTranslator(): { translate(event: JobEvent): WorkerEvent; readonly phase: Phase | null } {
  let phase: Phase | null = null;
  let progress = 0;
  return {
    get phase() {
      return phase;
    },
    translate(event) {
      if (event.type === 'phase') phase = event.phase;
      if (event.type === 'progress') progress = event.progress;
      if (event.type === 'phase' || event.type === 'progress')
        return { type: 'progress', phase: phase ?? 'loading', progress };
      return event;
    },
  };
}

export const CANCELED: JobOutcome = { status: 'canceled', result: null, artifacts: [], warnings: [] };

/** What becomes of a job: it has ended, its worker gives it back, or it is tried again if it may. */
export type Verdict =
  | { readonly type: 'ended'; readonly event: JobEnding['event'] }
  | { readonly type: 'given-back' }
  /** It can go on once the disk has room. */
  | { readonly type: 'no-room'; readonly detail: string }
  /** Its process could not be had: nothing of it ran. */
  | { readonly type: 'not-started'; readonly detail: string }
  | { readonly type: 'crashed'; readonly detail: string; readonly lastWords: readonly string[] };

type Judge<T extends ChildEnding<JobOutcome>['type']> = (
  ending: Extract<ChildEnding<JobOutcome>, { type: T }>,
  phase: Phase | null,
  limits: ChildLimits,
) => Verdict;

export function failed(code: string, message: string, phase: Phase | null, retryable = false): Verdict {
  return { type: 'ended', event: { type: 'failed', error: { code, message, phase, retryable } } };
}

const VERDICTS: { readonly [T in ChildEnding<JobOutcome>['type']]: Judge<T> } = {
  done: ({ value }) => ({ type: 'ended', event: { type: 'finished', outcome: value } }),
  error: ({ error: { code, message, retryable } }, phase) =>
    code === 'DISK_FULL' ? { type: 'no-room', detail: message } : failed(code, message, phase, retryable),
  memory: ({ bytes }, phase, { memoryBytes }) => {
    const message = `the job held ${mebibytes(bytes)} MiB of memory and may have ${mebibytes(memoryBytes)} MiB`;
    return failed('OUT_OF_MEMORY', message, phase);
  },
  deadline: (_, phase, { deadlineMs }) =>
    failed('DEADLINE_EXCEEDED', `the job ran for longer than ${Math.round(deadlineMs / 1000)} s`, phase),
  processor: (_, phase, { processorMs = 0 }) =>
    failed('DEADLINE_EXCEEDED', `the job took more than ${Math.round(processorMs / 1000)} s of the processor`, phase),
  canceled: () => ({ type: 'ended', event: { type: 'finished', outcome: CANCELED } }),
  stopped: () => ({ type: 'given-back' }),
  'not-started': ({ detail }) => ({ type: 'not-started', detail }),
  crashed: ({ detail, lastWords }) => ({ type: 'crashed', detail, lastWords }),
};

/** What the end of a job's child means for the job. */
export function judge(ending: ChildEnding<JobOutcome>, phase: Phase | null, limits: ChildLimits): Verdict {
  return (VERDICTS[ending.type] as Judge<typeof ending.type>)(ending as never, phase, limits);
}

export function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
