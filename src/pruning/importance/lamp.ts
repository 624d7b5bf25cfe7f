import type { Criterion } from './criterion.js';
import { filterImportance, filterMeans, hasFilters } from './filter-scores.js';

/**
 * Layer-adaptive magnitude (Lee et al. 2021), of whole filters: the square of a filter's norm as a share of those of its layer that are
 * no smaller. The best filter of each layer has 1, so that no layer is emptied before others lose what they can spare.
 */
export const LAMP_CRITERION: Criterion = {
  name: 'lamp',
  about: 'squared norm of a filter as a share of those of its layer that are no smaller (Lee et al. 2021)',
  needs: 'nothing',
  cost: 'one pass over the weights',
  importance: (unit, source) =>
    filterImportance(unit, source, (filters) => sharesOfRest(filterMeans(filters, (weight) => weight * weight))),
  ranks: hasFilters,
};

/** Each number over the sum of all that are no smaller: of equals the first counts as the smallest. */
function sharesOfRest(squares: Float64Array): Float64Array {
  const shares = new Float64Array(squares.length);
  const descending = Int32Array.from(squares.keys()).sort((a, b) => squares[b] - squares[a] || b - a);
  let rest = 0;
  for (const i of descending) {
    rest += squares[i];
    shares[i] = rest > 0 ? squares[i] / rest : 0;
  }
  return shares;
}
