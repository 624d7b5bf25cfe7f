import type { Tensor } from '../../graph/tensor.js';
import type { HeadedScore } from '../measuring/score.js';

/** Where training stood, and how that was scored. */
export interface BestPoint {
  /** That ended there; null before training. */
  readonly epoch: number | null;
  readonly score: HeadedScore;
  /** Full weights and statistics. */
  readonly constants: ReadonlyMap<string, Tensor>;
}

export interface BestPointState {
  /** Epochs since the lowest. */
  readonly waited: number;
  /** Whether all prune steps have been taken: before, losses of other widths would be compared. */
  readonly counts: boolean;
  /** The point to go back to. */
  readonly best?: BestPoint;
  /** The weights as they are do better than `best`. */
  readonly beaten?: boolean;
}

/**
 * Keeps the point whose weights are delivered, where these are not the last ones. With a patience that is where the validation
 * loss was lowest, and training ends when it stays above that. The point before training takes part where there is one:
 * what was recovered is not given away for what is no better.
 */
export class BestPoints {
  readonly #patience: number | undefined;
  readonly #samples: number;
  #state: BestPointState;

  /**
   * @param patience epochs; absent: never stops, and keeps no epoch
   * @param samples that losses are of
   */
  constructor(patience: number | undefined, samples: number, resumed?: BestPointState) {
    this.#patience = patience;
    this.#samples = samples;
    this.#state = resumed ?? { waited: 0, counts: false };
  }

  get state(): BestPointState {
    return this.#state;
  }

  /** What is to be delivered; undefined: the weights as they are. */
  get best(): BestPoint | undefined {
    return deliveredPoint(this.#state);
  }

  get stopped(): boolean {
    return this.#patience !== undefined && this.#state.waited >= this.#patience;
  }

  /** After a prune step. @param last there will be no other */
  restart(last: boolean): void {
    this.#state = { waited: 0, counts: last };
  }

  /** Before the training that follows the last prune step. */
  start(point: BestPoint): void {
    if (this.#state.counts) this.#state = { ...this.#state, best: point };
  }

  /** The weights as they are are of no use. @returns whether there is a point to go back to */
  goBack(): boolean {
    this.#state = { ...this.#state, beaten: false };
    return this.#state.best !== undefined;
  }

  /** After an epoch. */
  note(point: BestPoint): void {
    const { waited, counts, best } = this.#state;
    if (!counts) return;
    const gains = !best || hasGained(best, point, this.#samples);
    if (this.#patience === undefined) this.#state = { ...this.#state, beaten: gains };
    else if (gains) this.#state = { waited: 0, counts, best: point };
    else this.#state = { ...this.#state, waited: waited + 1 };
  }
}

/** The point that a state goes back to; undefined: it stays where it is. */
export function deliveredPoint({ best, beaten }: BestPointState): BestPoint | undefined {
  return beaten ? undefined : best;
}

/**
 * Epochs are compared by their losses. What comes before training is compared by accuracies, where there are labels of
 * classes: training by labels makes scores surer, for which a loss may punish what is right more often. A loss of few samples
 * hangs on one or two of them: training is not given away for what is hardly less.
 */
function hasGained({ epoch, score: before }: BestPoint, { score: after }: BestPoint, samples: number): boolean {
  if (epoch !== null) return after.loss < before.loss;
  if (before.accuracy === null || after.accuracy === null || before.accuracy === after.accuracy) {
    const chance = samples < FEW ? CHANCE / Math.sqrt(Math.max(1, samples)) : 0;
    return after.loss < before.loss * (1 + chance);
  }
  return after.accuracy > before.accuracy;
}

/** Below so many samples chance is reckoned with, and what that makes of a sample's loss, as a share of it. */
const [FEW, CHANCE] = [100, 1.5];
