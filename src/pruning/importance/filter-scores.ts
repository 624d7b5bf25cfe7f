import { elementCount, type Tensor } from '../../graph/tensor.js';
import type { ChannelUnit, RelatedChannels } from '../tracer/channel-analysis.js';
import { findFilters } from './filter-weights.js';
import type { ImportanceSource } from './importance-source.js';

/** The weights of a layer, and where its filters are: filter i of block g makes output channel `g · extent + i`. */
export interface Filters {
  readonly weights: Tensor;
  readonly axis: number;
  readonly groups: number;
}

/** One number for each output channel of a layer. */
export type FilterScores = (filters: Filters) => Float64Array;

/**
 * The importance of unit channel c is the mean, over the layers that make it, of the score of its filter. Bias and batch norm are left
 * out; depthwise convolutions and every segment of a grouped one count; a shared layer counts once.
 *
 * Gives undefined where no layer that makes the channels has known weights.
 */
export function filterImportance(
  unit: ChannelUnit,
  source: ImportanceSource,
  score: FilterScores,
): Float64Array | undefined {
  const sums = new Float64Array(unit.numChannels);
  const counts = new Int32Array(unit.numChannels);
  // A grouped convolution has an entry a group, all of the same weights: read once.
  const known = new Map<Tensor, Float64Array>();
  for (const related of unit.outputRelated) {
    const filters = filtersOf(related, source);
    if (!filters) continue;
    const scores = known.get(filters.weights) ?? score(filters);
    known.set(filters.weights, scores);
    const { offsets, indices } = related;
    for (let c = 0; c < sums.length; c++) {
      const [from, to] = [offsets[c], offsets[c + 1]];
      if (from === to) continue;
      let sum = 0;
      for (let i = from; i < to; i++) sum += scores[indices[i]];
      sums[c] += sum / (to - from);
      counts[c]++;
    }
  }
  return counts.every((count) => count > 0) ? sums.map((sum, c) => sum / counts[c]) : undefined;
}

/** Whether every channel of the unit has a filter of known weights, none of which are looked at. */
export function hasFilters(unit: ChannelUnit, source: ImportanceSource): boolean {
  const makers = unit.outputRelated.filter((related) => filtersOf(related, source));
  for (let c = 0; c < unit.numChannels; c++) {
    if (!makers.some(({ offsets }) => offsets[c] < offsets[c + 1])) return false;
  }
  return true;
}

/** The mean of `of(w)` over each filter. */
export function filterMeans(filters: Filters, of: (weight: number) => number): Float64Array {
  const { weights, axis, groups } = filters;
  const extent = weights.shape[axis];
  const inner = elementCount(weights.shape.slice(axis + 1));
  const data = weights.data as Float32Array;
  const { length } = data;
  const means = new Float64Array(extent * groups);
  const block = length / groups;
  const perChannel = block / extent;
  for (let g = 0, start = 0; g < groups; g++) {
    const first = g * extent;
    for (const end = start + block; start < end; ) {
      for (let c = first; c < first + extent; c++) {
        const stop = start + inner;
        let sum = 0;
        for (; start < stop; start++) sum += of(data[start]);
        means[c] += sum;
      }
    }
    for (let c = first; c < first + extent; c++) means[c] /= perChannel;
  }
  return means;
}

/** The filters one after the other, `[groups · extent, weights of a filter]`. */
export function filterRows({ weights, axis, groups }: Filters): { readonly rows: Float32Array; readonly size: number } {
  const extent = weights.shape[axis];
  const inner = elementCount(weights.shape.slice(axis + 1));
  const data = weights.data as Float32Array;
  const size = data.length / (groups * extent);
  if (axis === 0) return { rows: data, size };
  const rows = new Float32Array(data.length);
  const outer = size / inner;
  for (let g = 0, from = 0; g < groups; g++) {
    for (let o = 0; o < outer; o++) {
      for (let c = 0; c < extent; c++, from += inner) {
        rows.set(data.subarray(from, from + inner), (g * extent + c) * size + o * inner);
      }
    }
  }
  return { rows, size };
}

/** The tensor that holds a layer's filters, and where they are in it; undefined for a layer without, or of unknown ones. */
function filtersOf({ node }: RelatedChannels, source: ImportanceSource): Filters | undefined {
  const filters = findFilters(node);
  const weights = filters && source.weights(filters.value);
  return weights && { weights, axis: filters.axis(weights.shape.length), groups: filters.groups };
}
