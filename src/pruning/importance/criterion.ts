import type { Named } from '../config/named.js';
import type { ChannelUnit } from '../tracer/channel-analysis.js';
import type { ImportanceSource } from './importance-source.js';
import { l1Importance, l1Ranks } from './l1.js';
import { obsImportance } from './obs.js';

/** A measure of how much each channel of a unit matters, as configs name it (`channel_unit_cfg.criterion`). */
export interface Criterion extends Named {
  /**
   * One number a unit channel, the more important the larger, from the full weights.
   * Undefined where there is nothing to rank by: the unit is then left whole.
   */
  importance(unit: ChannelUnit, source: ImportanceSource): Float64Array | undefined;
  /**
   * Whether {@link importance} would give numbers, for criteria that can tell without looking at the weights: analyzing a
   * model asks it of every unit. Absent: the importances are computed to see.
   */
  ranks?(unit: ChannelUnit, source: ImportanceSource): boolean;
  /** True where it goes by what was measured on samples, as far as something was. */
  readonly bySamples?: boolean;
  /** What a unit's channels were really ranked by. Absent: by this criterion. */
  taken?(unit: ChannelUnit, source: ImportanceSource): string;
}

/** Whether a criterion has something to rank a unit's channels by. */
export function canRank(criterion: Criterion, unit: ChannelUnit, source: ImportanceSource): boolean {
  return criterion.ranks ? criterion.ranks(unit, source) : criterion.importance(unit, source) !== undefined;
}

/** See {@link l1Importance}. */
export const L1_CRITERION: Criterion = { name: 'l1', importance: l1Importance, ranks: l1Ranks };

const byLoss = {
  importance: obsImportance,
  ranks: l1Ranks,
  bySamples: true,
  taken: (unit: ChannelUnit, source: ImportanceSource): string => (source.losses?.(unit.name) ? 'obs' : 'l1'),
};

/** What the samples allow: see {@link obsImportance}. */
export const AUTO_CRITERION: Criterion = { name: 'auto', ...byLoss };

/** See {@link obsImportance}. */
export const OBS_CRITERION: Criterion = { name: 'obs', ...byLoss };

/** Every criterion that comes with Espalier; the first is what units take where nothing else is said. */
export const CRITERIA: readonly Criterion[] = [AUTO_CRITERION, L1_CRITERION, OBS_CRITERION];

/**
 * The importances that a criterion gave, if they can rank the unit's channels.
 * @throws Error when they are not one finite number a channel.
 */
export function requireImportances(values: Float64Array, { name, numChannels }: ChannelUnit): Float64Array {
  const found = Number(values?.length);
  if (found !== numChannels) {
    const what = Number.isNaN(found) ? `gave ${typeof values}` : `gave ${found} numbers`;
    throw new Error(`${what} for unit ${name}, ${numChannels} numbers are needed`);
  }
  const bad = Array.prototype.findIndex.call(values, (value) => !Number.isFinite(value));
  if (bad >= 0) throw new Error(`gave ${values[bad]} for channel ${bad} of unit ${name}, a finite number is needed`);
  return values;
}
