import type { Criterion } from './criterion.js';
import { type FilterScores, filterImportance, filterRows, hasFilters } from './filter-scores.js';

/** Multiplications that a layer may take; of more each filter is held against some of the others. */
const MOST_PRODUCTS = 4e9;

/**
 * The sum of the distances from a channel's filter to the others of its layer, over their number (filter pruning by the geometric median, He
 * et al. 2019): filters near the median are the ones that the others can stand in for.
 */
export const FPGM_CRITERION: Criterion = {
  name: 'fpgm',
  about:
    'distance of a filter to the others of its layer: near their geometric median it is spared best (He et al. 2019)',
  needs: 'nothing',
  cost: 'H²/2 times the weights of a filter, at most 4e9 multiplications a layer',
  importance: (unit, source) => filterImportance(unit, source, meanDistances),
  ranks: hasFilters,
};

const meanDistances: FilterScores = (filters) => {
  const { rows, size } = filterRows(filters);
  const count = rows.length / size;
  const step = Math.max(1, Math.ceil((count * count * size) / 2 / MOST_PRODUCTS));
  const sums = new Float64Array(count);
  for (let i = 0; i < count; i += step) {
    for (let j = step === 1 ? i + 1 : 0; j < count; j++) {
      const distance = distanceOf(rows, i * size, j * size, size);
      sums[j] += distance;
      if (step === 1) sums[i] += distance;
    }
  }
  return sums.map((sum) => sum / count);
};

function distanceOf(rows: Float32Array, a: number, b: number, size: number): number {
  let sum = 0;
  for (let k = 0; k < size; k++) {
    const difference = rows[a + k] - rows[b + k];
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}
