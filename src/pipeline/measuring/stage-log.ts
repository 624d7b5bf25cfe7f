import { MODEL_STAGES, type ModelStage, type StageRow } from '../../contract.js';
import { type Score, UNMEASURED } from './score.js';

/** What a checkpoint has of it. */
export interface StageLogState {
  readonly rows: readonly StageRow[];
  /** Since the last row. */
  readonly seconds: number;
}

/**
 * What each step of a job gave, in the order of {@link MODEL_STAGES}. A step that is taken again (an algorithm prunes several
 * times) has the row of its last time, and none after it; their seconds are the new row's.
 * @example job.stages.add('recovered', await scorer.score(graph, signal));
 */
export class StageLog {
  readonly #now: () => number;
  #rows: readonly StageRow[] = [];
  /** When the last row was added, in milliseconds. */
  #since: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
  }

  get rows(): readonly StageRow[] {
    return this.#rows;
  }

  get state(): StageLogState {
    return { rows: this.#rows, seconds: this.#seconds };
  }

  /** Goes on from a checkpoint. */
  restore({ rows, seconds }: StageLogState): void {
    this.#rows = rows;
    this.#since = this.#now() - 1000 * seconds;
  }

  /** A step is over. @param score absent: it is told later, or never */
  add(stage: ModelStage, score: Score = UNMEASURED): void {
    const place = (row: StageRow): number => MODEL_STAGES.indexOf(row.stage);
    const again = this.#rows.filter((row) => place(row) >= MODEL_STAGES.indexOf(stage));
    const before = this.#rows.slice(0, this.#rows.length - again.length);
    const seconds = again.reduce((sum, row) => sum + row.seconds, this.#seconds);
    this.#rows = [...before, { stage, ...told(score), seconds: Math.round(1000 * seconds) / 1000 }];
    this.#since = this.#now();
  }

  /** What a step gave that is over. */
  measure(stage: ModelStage, score: Score): void {
    this.#rows = this.#rows.map((row) => (row.stage === stage ? { ...row, ...told(score) } : row));
  }

  get #seconds(): number {
    return (this.#now() - this.#since) / 1000;
  }
}

function told({ accuracy, loss, agreement, samples, interval }: Score): Omit<StageRow, 'stage' | 'seconds'> {
  return { accuracy, loss, agreement, samples, interval };
}
