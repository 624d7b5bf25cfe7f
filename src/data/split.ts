import { EspalierError } from '../errors.js';
import type { Tensor } from '../graph/tensor.js';
import type { Scaling } from '../prune-config/resolved.js';
import type { ImageExtents } from './images/decode.js';
import type { Labels } from './labels.js';

export type { Scaling };

/** Model inputs `[n, …sample]`, and labels by the name of the output that they are for (`''` where none is named). */
export interface Batch {
  readonly x: Tensor<'float32'>;
  readonly labels: ReadonlyMap<string, Tensor>;
}

/** Samples that can be read in any order. */
export interface Split {
  readonly count: number;
  /** Shape of one sample. */
  readonly inputShape: readonly number[];
  /** Element type of the raw data, by NumPy's name. */
  readonly dtype: string;
  /** By the name of the output that they are for, `''` where none is named; empty without labels. */
  readonly labels: ReadonlyMap<string, Labels>;
  /** @throws EspalierError CONFIG_INVALID when mean and std don't fit the last axis; DATASET_INVALID, ARCHIVE_INVALID */
  batch(indices: ArrayLike<number>, scaling: Scaling): Promise<Batch>;
  /** The same samples in another size and color, channels last; absent where they have but one. */
  resized?(extents: ImageExtents): Split;
}

/** The samples of `split` that `indices` names, in that order. */
export function subset(split: Split, indices: ArrayLike<number>): Split {
  const chosen = Uint32Array.from(indices);
  const { resized } = split;
  return {
    ...split,
    ...(resized && { resized: (extents) => subset(resized(extents), chosen) }),
    count: chosen.length,
    batch: (wanted, scaling) =>
      split.batch(
        Uint32Array.from(wanted, (i) => chosen[i]),
        scaling,
      ),
  };
}

/** For each position along the last axis, `value * scale + offset`. One entry when all positions share it. */
export interface Affine {
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** @throws EspalierError CONFIG_INVALID when mean and std are neither one number nor one for each of the last axis */
export function resolveScaling(scaling: Scaling, kind: 'integer' | 'float' | 'bool', lastAxis: number): Affine {
  if (scaling === '1/255' || (scaling === 'auto' && kind === 'integer')) return { scale: [1 / 255], offset: [0] };
  if (scaling === 'none' || scaling === 'auto') return { scale: [1], offset: [0] };
  const { mean, std } = scaling;
  for (const [name, values] of Object.entries({ mean, std })) {
    if (values.length !== 1 && values.length !== lastAxis) {
      const detail = `${values.length} numbers for a last axis of ${lastAxis}; give one, or ${lastAxis}`;
      throw new EspalierError('CONFIG_INVALID', `scaling.${name}: ${detail}`, {
        errors: [{ pointer: `/config/scaling/${name}`, message: detail }],
      });
    }
  }
  const length = Math.max(mean.length, std.length);
  const at = (values: readonly number[], i: number): number => values[values.length === 1 ? 0 : i];
  const scale = Array.from({ length }, (_, i) => 1 / at(std, i));
  return { scale, offset: scale.map((s, i) => -at(mean, i) * s) };
}
