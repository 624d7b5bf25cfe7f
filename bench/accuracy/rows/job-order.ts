import type { PruneConfigInput } from '../../../src/prune-config/index.js';
import type { JobCosts, JobFigures, MeasuredRow } from './measured-row.js';

/** What a process is told to do. */
export interface JobOrder {
  readonly model: string;
  readonly dataset?: string;
  readonly config: PruneConfigInput;
  readonly outDir: string;
  readonly checkpointDir: string;
  readonly threads: number;
  readonly answerPath: string;
}

export interface JobAnswer {
  readonly refused?: MeasuredRow['refused'];
  readonly job?: JobFigures;
  /** The artifact that is the pruned model. */
  readonly delivered?: string;
  readonly costs: JobCosts;
}
