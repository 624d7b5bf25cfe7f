import type { Tensor } from '../../graph/tensor.js';
import type { HeadedScore } from '../measuring/score.js';

/** The end of an epoch: what was scored, and how. */
export interface BestPoint {
  readonly epoch: number;
  readonly score: HeadedScore;
  /** Full weights and statistics. */
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** Ends training when the validation loss stays above its lowest, and keeps the point where it was lowest. */
export class EarlyStopping {
  readonly #patience: number | undefined;
  #best: BestPoint | undefined;
  /** Epochs since the lowest. */
  #waited: number;
  /** Whether all prune steps have been taken: before, losses of other widths would be compared. */
  #counts: boolean;

  /** @param patience epochs; absent: never stops, keeps nothing */
  constructor(patience: number | undefined, resumed?: EarlyStopping['state']) {
    this.#patience = patience;
    this.#best = resumed?.best;
    this.#waited = resumed?.waited ?? 0;
    this.#counts = resumed?.counts ?? false;
  }

  get state(): { readonly waited: number; readonly counts: boolean; readonly best?: BestPoint } {
    return { waited: this.#waited, counts: this.#counts, ...(this.#best ? { best: this.#best } : {}) };
  }

  get best(): BestPoint | undefined {
    return this.#best;
  }

  get stopped(): boolean {
    return this.#patience !== undefined && this.#waited >= this.#patience;
  }

  /** After a prune step. @param last there will be no other */
  restart(last: boolean): void {
    this.#counts = last;
    this.#best = undefined;
    this.#waited = 0;
  }

  /** After an epoch. */
  note(point: BestPoint): void {
    if (this.#patience === undefined || !this.#counts) return;
    if (this.#best && point.score.loss >= this.#best.score.loss) {
      this.#waited++;
      return;
    }
    this.#best = point;
    this.#waited = 0;
  }
}
