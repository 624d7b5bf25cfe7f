import type { ChannelUnit } from '../tracer/channel-analysis.js';
import type { ImportanceSource } from './importance-source.js';
import { l1Importance } from './l1.js';

/** A measure of how much each channel of a unit matters, as configs name it (`channel_unit_cfg.criterion`). */
export interface Criterion {
  readonly name: string;
  /**
   * One number a unit channel, the more important the larger, from the full weights.
   * Undefined where there is nothing to rank by: the unit is then left whole.
   */
  importance(unit: ChannelUnit, source: ImportanceSource): Float64Array | undefined;
}

/** See {@link l1Importance}. */
export const L1_CRITERION: Criterion = { name: 'l1', importance: l1Importance };

/** Every criterion that comes with Espalier. */
export const CRITERIA: readonly Criterion[] = [L1_CRITERION];

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
