import { elementCount, type Tensor } from '../../graph/tensor.js';
import type { ChannelUnit, RelatedChannels } from '../tracer/channel-analysis.js';
import { findFilters } from './filter-weights.js';
import type { ImportanceSource } from './importance-source.js';

/**
 * The L1 criterion, as the original has it: the importance of unit channel c is the mean, over the layers that make it,
 * of the mean absolute weight of its filter. A mean and not a sum, so that layers of different fan-in compare. Bias and
 * batch norm are left out; depthwise convolutions and every segment of a grouped one count; a shared layer counts once.
 *
 * Gives undefined where no layer that makes the channels has known weights.
 */
export function l1Importance(unit: ChannelUnit, source: ImportanceSource): Float64Array | undefined {
  const sums = new Float64Array(unit.numChannels);
  const counts = new Int32Array(unit.numChannels);
  for (const related of unit.outputRelated) {
    const means = filterMeans(related, source);
    if (!means) continue;
    for (let c = 0; c < unit.numChannels; c++) {
      const [from, to] = [related.offsets[c], related.offsets[c + 1]];
      if (from === to) continue;
      let sum = 0;
      for (let i = from; i < to; i++) sum += means[related.indices[i]];
      sums[c] += sum / (to - from);
      counts[c]++;
    }
  }
  return counts.every((count) => count > 0) ? sums.map((sum, c) => sum / counts[c]) : undefined;
}

function filterMeans(related: RelatedChannels, source: ImportanceSource): Float64Array | undefined {
  const filters = findFilters(related.node);
  const weights = filters && source.weights(filters.value);
  return weights && meanAbsolute(weights, filters.axis(weights.shape.length), filters.groups);
}

/** The mean of |w| over everything but one axis, in each of the blocks that axis 0 is made of. */
function meanAbsolute(weights: Tensor, axis: number, groups: number): Float64Array {
  const extent = weights.shape[axis];
  const inner = elementCount(weights.shape.slice(axis + 1));
  const data = weights.data as Float32Array;
  const sums = new Float64Array(extent * groups);
  const block = data.length / groups;
  for (let start = 0, c = 0; start < data.length; start += inner, c = c + 1 === extent ? 0 : c + 1) {
    let sum = 0;
    for (let i = start; i < start + inner; i++) sum += Math.abs(data[i]);
    sums[Math.floor(start / block) * extent + c] += sum;
  }
  const perChannel = block / extent;
  return sums.map((sum) => sum / perChannel);
}
