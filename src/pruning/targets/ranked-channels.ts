import type { ImportanceSource } from '../importance/index.js';
import { DEFAULT_CAP, type MutableChannelUnit, rankChannels } from '../units/index.js';
import type { RankedUnit } from './cost-model.js';

/** A unit's channels in the order in which they go, last first, with what a planner may do to it. */
export interface RankedChannels extends RankedUnit {
  /** Importance of the channel of each rank over the unit's mean; descending. */
  readonly scores: Float64Array;
  /** The numbers of channels that the unit may keep, ascending. */
  readonly counts: readonly number[];
}

/** How many channels make a block of a unit: engines compute in blocks, and a width just above a multiple costs as much as the next one. */
export type BlockOf = (unit: MutableChannelUnit) => number;

/**
 * Ranks the channels of each unit by its own criterion. A unit that keeps channels by position alone has scores falling
 * in a straight line about the same mean of 1.
 * @param limits.floor the least share of channels that a unit keeps whose arguments say nothing else.
 * @param limits.blockOf what a unit of at least twice as many channels keeps a multiple of, unless it keeps all.
 */
export function rankUnits(
  units: readonly MutableChannelUnit[],
  source: ImportanceSource,
  { floor, blockOf }: { readonly floor: number; readonly blockOf: BlockOf },
): RankedChannels[] {
  return units.map((unit) => {
    const { classes } = unit.channelUnit;
    const n = unit.numChannels;
    const importance = unit.importance(source) ?? Float64Array.from({ length: n }, (_, i) => n - i);
    const order = rankChannels(importance);
    const mean = importance.reduce((sum, value) => sum + value, 0) / n;
    const reachable = unit.reachableCounts();
    const block = blockOf(unit);
    const blocks = n >= 2 * block ? block : 1;
    const least = (unit.args.floor ?? floor) * n;
    const most = (unit.args.cap ?? DEFAULT_CAP) * n;
    const within = reachable.filter((count) => count >= least && count <= most);
    const allowed = within.filter((count) => count % blocks === 0 || count === n);
    // Where rounding leaves nothing between the bounds, the floor counts.
    const nearest = reachable.find((count) => count >= least) ?? reachable[reachable.length - 1];
    return {
      classes: order.map((channel) => classes[channel]),
      scores: Float64Array.from(order, (channel) => (mean > 0 ? importance[channel] / mean : 1)),
      counts: allowed.length > 0 ? allowed : within.length > 0 ? within : [nearest],
    };
  });
}
