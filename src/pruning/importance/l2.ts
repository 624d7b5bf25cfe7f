import type { Criterion } from './criterion.js';
import { filterImportance, filterMeans, hasFilters } from './filter-scores.js';

/** The root mean square of a channel's filter. */
export const L2_CRITERION: Criterion = {
  name: 'l2',
  about: 'root mean square of the filters that make a channel',
  needs: 'nothing',
  cost: 'one pass over the weights',
  importance: (unit, source) =>
    filterImportance(unit, source, (filters) => filterMeans(filters, (weight) => weight * weight).map(Math.sqrt)),
  ranks: hasFilters,
};
