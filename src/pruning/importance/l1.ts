import type { ChannelUnit } from '../tracer/channel-analysis.js';
import type { Criterion } from './criterion.js';
import { filterImportance, filterMeans, hasFilters } from './filter-scores.js';
import type { ImportanceSource } from './importance-source.js';

/**
 * The L1 criterion, as the original has it: the mean absolute weight of a channel's filter. A mean and not a sum, so that layers of
 * different fan-in compare.
 */
export function l1Importance(unit: ChannelUnit, source: ImportanceSource): Float64Array | undefined {
  return filterImportance(unit, source, (filters) => filterMeans(filters, Math.abs));
}

/** See {@link l1Importance}. */
export const L1_CRITERION: Criterion = {
  name: 'l1',
  about: 'mean absolute weight of the filters that make a channel (the original of the framework)',
  needs: 'nothing',
  cost: 'one pass over the weights',
  importance: l1Importance,
  ranks: hasFilters,
};
