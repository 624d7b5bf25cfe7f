import { EspalierError } from '../../errors.js';
import type { Head } from './heads.js';

/** One output on one set of feeds. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

export interface Difference {
  readonly max_abs_diff: number;
  /**
   * `max|a−b|` of one output on one set of feeds, by how far `b` departs from its mean; the worst of them. Infinite where
   * one is NaN. What is between 0 and 1 by its nature is set against 1. Of what jumps, the mean of all elements in place of
   * the largest.
   */
  readonly relative: number;
}

/**
 * How far outputs differ from those of a reference, each on each set of feeds.
 * @throws EspalierError CERTIFICATE_FAILED for outputs of different shapes; MODEL_INVALID when the reference's are not finite
 */
export function outputDifference(
  heads: readonly Pick<Head, 'name' | 'inner' | 'jumps' | 'leastScale'>[],
  tested: readonly (readonly Values[])[],
  reference: readonly (readonly Values[])[],
): Difference {
  const each = reference.flatMap((outputs, set) =>
    outputs.map((want, i) => {
      const got = tested[set][i];
      if (!got || String(got.shape) !== String(want.shape)) {
        throw new EspalierError(
          'CERTIFICATE_FAILED',
          `output ${heads[i].name} has shape [${got?.shape}] in the written file, [${want.shape}] in the masked model`,
        );
      }
      if (!heads[i].inner && !allFinite(want)) {
        throw new EspalierError(
          'MODEL_INVALID',
          `output ${heads[i].name} is NaN or infinite on sample inputs, so nothing can be shown about it`,
        );
      }
      return heads[i].jumps ? meanDifference(got, want) : valuesDifference(got, want, heads[i].leastScale);
    }),
  );
  return worst(each);
}

/** `max|a−b|`, and its share of the scale of `b`, or of `leastScale` where that is more. */
export function valuesDifference(a: Values, b: Values, leastScale: number): Difference {
  let diff = 0;
  for (let i = 0; i < b.data.length; i++) {
    const [p, q] = [Number(a.data[i]), Number(b.data[i])];
    // Equal infinities, as equal NaNs, have no difference that is a number.
    const d = Object.is(p, q) ? 0 : Math.abs(p - q);
    if (Number.isNaN(d)) return { max_abs_diff: Number.POSITIVE_INFINITY, relative: Number.POSITIVE_INFINITY };
    diff = Math.max(diff, d);
  }
  const scale = Math.max(scaleOf(b), leastScale);
  return { max_abs_diff: diff, relative: scale > 0 ? diff / scale : diff };
}

/** How many times its spread an output counts at most: an offset is rounded too. */
const OFFSET = 32;

/**
 * How far values depart from their mean: what all have in common, an offset, would hide what sets them apart. It is
 * `max|b| / OFFSET` at least, as there is nothing to see in the last bits.
 */
function scaleOf({ data }: Values): number {
  let [low, high, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
    count++;
  }
  if (count === 0) return 0;
  // A single number has no spread.
  if (count === 1) return Math.abs(sum);
  const mean = sum / count;
  return Math.max(high - mean, mean - low, Math.abs(high) / OFFSET, Math.abs(low) / OFFSET);
}

/** Where rounding makes few elements jump, the largest difference says nothing of how many they are. */
function meanDifference(a: Values, b: Values): Difference {
  const largest = valuesDifference(a, b, 0);
  if (!Number.isFinite(largest.relative) || largest.max_abs_diff === 0) return largest;
  let sum = 0;
  for (let i = 0; i < b.data.length; i++) sum += Math.abs(Number(a.data[i]) - Number(b.data[i])) || 0;
  return { ...largest, relative: (largest.relative / largest.max_abs_diff) * (sum / b.data.length) };
}

/** For messages. */
export function describeRelative(relative: number): string {
  return Number.isFinite(relative) ? String(relative) : 'a NaN or an infinity';
}

export function worst(differences: readonly Difference[]): Difference {
  return {
    max_abs_diff: differences.reduce((most, d) => Math.max(most, d.max_abs_diff), 0),
    relative: differences.reduce((most, d) => Math.max(most, d.relative), 0),
  };
}

function allFinite({ data }: Values): boolean {
  return Array.prototype.every.call(data, (value) => typeof value === 'bigint' || Number.isFinite(value));
}
