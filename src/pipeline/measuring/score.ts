import type { Evaluation, HeadScore } from '../training/evaluation.js';
import { shareInterval } from './interval.js';

/** How well a network does on samples that nothing was learned from. */
export interface Score {
  /** The mean of the outputs' accuracies, in [0, 1]; null without labels of classes. */
  readonly accuracy: number | null;
  /** null where nothing is scored by labels or the original. */
  readonly loss: number | null;
  readonly metrics?: readonly HeadScore[];
  /** With the original, in [0, 1]; null where no samples or outputs can be compared. */
  readonly agreement: number | null;
  /** Looked at for the accuracy; where there is none, for the agreement. */
  readonly samples: number;
  /** 95%, of the accuracy; where there is none, of an agreement that is a share of samples; else null. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** Of a network with heads. */
export type HeadedScore = Score & Evaluation;

export const UNMEASURED: Score = { accuracy: null, loss: null, agreement: null, samples: 0, interval: null };

/** What was compared with the original. */
export interface Compared {
  readonly agreement: number | null;
  readonly samples: number;
  /** Whether agreement is a share of the samples. */
  readonly chooses: boolean;
}

/** @param counted samples that an evaluation looked at */
export function headedScore(found: Evaluation, counted: number, compared?: Compared): HeadedScore {
  const { accuracy } = found;
  if (accuracy === null && compared && compared.agreement !== null) return { ...found, ...agreementScore(compared) };
  const interval = accuracy === null ? null : (shareInterval(accuracy, counted) ?? null);
  return { ...found, agreement: compared?.agreement ?? null, samples: counted, interval };
}

export function agreementScore({
  agreement,
  samples,
  chooses,
}: Compared): Pick<Score, 'agreement' | 'samples' | 'interval'> {
  const interval = agreement !== null && chooses ? (shareInterval(agreement, samples) ?? null) : null;
  return { agreement, samples: agreement === null ? 0 : samples, interval };
}
