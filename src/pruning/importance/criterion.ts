import type { Named } from '../config/named.js';
import type { ChannelUnit } from '../tracer/channel-analysis.js';
import type { ImportanceSource } from './importance-source.js';

/** What can be measured of a unit's channels on samples. */
export type SampleMeasure = 'loss' | 'activation' | 'activity' | 'weighted_activation';

/** A measure of how much each channel of a unit matters, as configs name it (`channel_unit_cfg.criterion`). */
export interface Criterion extends Named {
  /** In a line: what it ranks by, after whom. */
  readonly about?: string;
  /** What there has to be beside the model; where that is missing it goes by weights. */
  readonly needs?: 'nothing' | 'samples';
  /** What a unit of H channels takes. */
  readonly cost?: string;
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
  /** What it goes by, as far as that was measured on samples ({@link ImportanceSource.losses}). */
  readonly bySamples?: SampleMeasure;
  /** What a unit's channels were really ranked by. Absent: by this criterion. */
  taken?(unit: ChannelUnit, source: ImportanceSource): string;
}

/** Whether a criterion has something to rank a unit's channels by. */
export function canRank(criterion: Criterion, unit: ChannelUnit, source: ImportanceSource): boolean {
  return criterion.ranks ? criterion.ranks(unit, source) : criterion.importance(unit, source) !== undefined;
}

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
