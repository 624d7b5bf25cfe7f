import type { CostModel } from './cost-model.js';
import type { RankedChannels } from './ranked-channels.js';

/** A step of a unit from one allowed number of channels down to the next. */
export interface Step {
  readonly unit: number;
  readonly from: number;
  readonly to: number;
}

/** Takes steps, from all channels on, until the target is met, or all of them; leaves the model so. @returns those that may be taken back, in order */
export type TakeSteps = (model: CostModel, ranked: readonly RankedChannels[], fits: () => boolean) => readonly Step[];

/** All steps that a unit can take, from its full width down. */
export function stepsOf({ counts }: RankedChannels, unit: number): Step[] {
  return counts
    .slice(1)
    .map((from, i) => ({ unit, from, to: counts[i] }))
    .reverse();
}

/** Takes the fewest steps of an order after which the target is met. */
export function takeInOrder(
  order: readonly Step[],
  model: CostModel,
  ranked: readonly RankedChannels[],
  fits: () => boolean,
): void {
  const take = (number: number): void => {
    const counts = ranked.map(({ counts: allowed }) => allowed[allowed.length - 1]);
    for (const { unit, to } of order.slice(0, number)) counts[unit] = to;
    counts.forEach((count, unit) => {
      model.set(unit, count);
    });
  };
  let least = 0;
  let most = order.length;
  while (least < most) {
    const middle = (least + most) >> 1;
    take(middle);
    if (fits()) most = middle;
    else least = middle + 1;
  }
  take(least);
}
