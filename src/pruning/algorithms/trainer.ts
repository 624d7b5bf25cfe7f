import type { Tensor } from '../../graph/tensor.js';
import type { ChoiceRecord } from '../units/index.js';

/** A prune step that has just been taken: the mutator holds its choices and masks. */
export interface PruneStep {
  /** 0-based. */
  readonly step: number;
  /** How many steps there are in all. */
  readonly pruneTimes: number;
  readonly epoch: number;
  /** Counted over all epochs. */
  readonly iteration: number;
  /** What steps are counted in. */
  readonly by: 'epoch' | 'iter';
  /** What each unit was set to, after rounding. */
  readonly choices: Readonly<Record<string, ChoiceRecord>>;
}

/** A stretch of training without a prune step in it: iterations `[from, to)` of one epoch. */
export interface TrainStretch {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  /** True when the epoch ends with it. */
  readonly endsEpoch: boolean;
}

/** What an algorithm drives. It decides when to prune and when to train; the trainer knows how. */
export interface Trainer {
  readonly iterationsPerEpoch: number;
  /** The current full weights, by constant id, with what was trained on the subnet written back; asked for before a prune step. */
  fullWeights(): Promise<ReadonlyMap<string, Tensor>>;
  /** The mutator has new choices: the subnet is to be made anew. */
  prune(step: PruneStep): Promise<void>;
  /** Trains the current subnet. Should stop soon, and reject, when the signal aborts. */
  train(stretch: TrainStretch, signal: AbortSignal | undefined): Promise<void>;
}
