/** How the channels that a target takes are shared out among the units. */
import type { RankedChannels } from './ranked-channels.js';
import { type SensitivityCurve, takeBySensitivity } from './sensitivity.js';
import { type Step, stepsOf, type TakeSteps, takeInOrder } from './steps.js';

/**
 * - `uniform`: every unit loses the same share.
 * - `global`: channels of all units are ranked together by importance, each unit's divided by its mean so that layers compare.
 * - `sensitivity`: channels go where the network was measured to lose least by it, for what it saves.
 */
export type Allocation = 'uniform' | 'global' | 'sensitivity';

/** @param curves of the units that were measured, in the units' order; for `sensitivity` */
export function stepTaker(
  allocation: Allocation,
  curves: readonly (SensitivityCurve | undefined)[],
  now: () => number,
): TakeSteps {
  if (allocation === 'sensitivity') {
    return (model, ranked, fits) => takeBySensitivity(model, ranked, { curves, now, fits });
  }
  return (model, ranked, fits) => {
    const order = ORDERS[allocation](ranked);
    takeInOrder(order, model, ranked, fits);
    // What costs little would come back whole.
    return allocation === 'uniform' ? order.filter(({ unit, to }) => model.counts[unit] === to) : order;
  };
}

const ORDERS: Readonly<Record<'uniform' | 'global', (ranked: readonly RankedChannels[]) => readonly Step[]>> = {
  uniform: (ranked) =>
    inOrder(
      ranked.flatMap((unit, u) => stepsOf(unit, u).map((step) => ({ ...step, score: 0 }))),
      ranked,
    ),
  global: (ranked) => inOrder(ranked.flatMap(scoredSteps), ranked),
};

interface ScoredStep extends Step {
  /** The mean normalised importance of the channels that go; never less than that of the unit's step before. */
  readonly score: number;
}

function scoredSteps(ranked: RankedChannels, unit: number): ScoredStep[] {
  let least = 0;
  return stepsOf(ranked, unit).map((step) => {
    const lost = ranked.scores.subarray(step.to, step.from);
    least = Math.max(least, lost.reduce((sum, score) => sum + score, 0) / lost.length);
    return { ...step, score: least };
  });
}

/** The least important first, of equals that of the fullest unit; a unit's own from its full width down. */
function inOrder(steps: readonly ScoredStep[], ranked: readonly RankedChannels[]): Step[] {
  const share = ({ unit, from }: Step): number => from / ranked[unit].scores.length;
  return steps.toSorted((a, b) => a.score - b.score || share(b) - share(a) || a.unit - b.unit);
}
