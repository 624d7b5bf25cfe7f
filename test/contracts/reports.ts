import type { JobMessage, JobQueue, WorkerReport } from '../../src/jobs/messages.js';
import type { PruneConfig } from '../../src/prune-config/index.js';

/** All reports of a queue, and a way to wait for one. */
export interface Reports {
  readonly all: WorkerReport[];
  /** The first report, past or to come, that fits. */
  until(fits: (report: WorkerReport) => boolean): Promise<WorkerReport>;
  /** The ending of a job. */
  ending(jobId: string): Promise<WorkerReport>;
  ofJob(jobId: string): WorkerReport[];
}

export function collectReports(queue: JobQueue): Reports {
  const all: WorkerReport[] = [];
  const waiting = new Set<(report: WorkerReport) => void>();
  queue.on('report', (report) => {
    all.push(report);
    for (const look of [...waiting]) look(report);
  });
  const until = (fits: (report: WorkerReport) => boolean): Promise<WorkerReport> => {
    const past = all.find(fits);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => {
      const look = (report: WorkerReport) => {
        if (!fits(report)) return;
        waiting.delete(look);
        resolve(report);
      };
      waiting.add(look);
    });
  };
  const isEnding = ({ type }: WorkerReport) => type === 'finished' || type === 'failed';
  return {
    all,
    until,
    ending: (jobId) => until((report) => report.job_id === jobId && isEnding(report)),
    ofJob: (jobId) => all.filter((report) => report.job_id === jobId),
  };
}

/** A message whose config only a stand-in runner reads. */
export function messageOf(jobId: string, config: Record<string, unknown> = {}): JobMessage {
  const model = { blob: 'blobs/none', name: 'model.zip', sha256: '0' };
  return { job_id: jobId, attempt: 1, model, config: config as unknown as PruneConfig };
}

/** A promise that is resolved from outside: what a test waits for in place of a sleep. */
export function gate<T = void>(): { readonly passed: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const passed = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
