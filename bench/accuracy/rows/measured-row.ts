import type { StageRow } from '../../../src/contract.js';
import type { Row } from './grid.js';

/** What a job gave. */
export interface JobFigures {
  readonly stages: readonly StageRow[];
  /** Codes of its warnings. */
  readonly warnings: readonly string[];
  readonly headline: string;
  /** Of the original's MACs. */
  readonly macsShare: number;
  /** Whether the delivered file computes what the masked original does. */
  readonly equivalent: boolean;
}

/** What its process took. */
export interface JobCosts {
  /** Of CPU, of all threads. */
  readonly cpuSeconds: number;
  readonly seconds: number;
  readonly peakBytes: number;
}

/** A row that is done. */
export interface MeasuredRow {
  readonly key: string;
  readonly row: Row;
  /** Why the job can't be done, with the error's code, where that is so. */
  readonly refused?: { readonly code: string; readonly message: string };
  /** Of the delivered file, on the images of `test/`; null where there is none. */
  readonly accuracy: number | null;
  readonly job?: JobFigures;
  readonly costs: JobCosts;
}
