import { elementCount, type Tensor } from '../../graph/tensor.js';
import type { SampleLayout } from './sample-layout.js';

/** What the elements of an input lie between: one pair of bounds, or one a channel. */
export interface SampleRange {
  readonly low: number | readonly number[];
  readonly high: number | readonly number[];
}

export interface NamedRange {
  readonly name: string;
  of(channels: number): SampleRange;
}

/** Means and deviations of ImageNet's photographs from 0 to 1: red, green and blue, and all of them. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
const GREY = { mean: 0.449, deviation: 0.226 };

/** How images are fed to networks, most usual first. */
export const USUAL_RANGES: readonly NamedRange[] = [
  { name: '0 to 1', of: () => ({ low: 0, high: 1 }) },
  { name: '-1 to 1', of: () => ({ low: -1, high: 1 }) },
  { name: '0 to 255', of: () => ({ low: 0, high: 255 }) },
  { name: 'normalised as ImageNet', of: normalised },
];

function normalised(channels: number): SampleRange {
  const at = (value: number): number | readonly number[] =>
    channels === IMAGENET.mean.length
      ? IMAGENET.mean.map((mean, c) => (value - mean) / IMAGENET.deviation[c])
      : (value - GREY.mean) / GREY.deviation;
  return { low: at(0), high: at(1) };
}

/** Both bounds of a range, as tensors `[1, …]` of one sample. */
export interface Bounds {
  readonly low: Tensor<'float32'>;
  readonly high: Tensor<'float32'>;
}

/**
 * A range for every element of an input.
 * @param shape without the batch
 * @throws RangeError for bounds that are not one a channel, or not in order
 */
export function boundsOf(id: string, range: SampleRange, shape: readonly number[], { channels }: SampleLayout): Bounds {
  const inner = elementCount(shape.slice(channels));
  const extent = shape[channels - 1] ?? 1;
  const filled = (bound: number | readonly number[]): Tensor<'float32'> => {
    if (typeof bound !== 'number' && bound.length !== extent) {
      throw new RangeError(`the range of input ${id} has ${bound.length} bounds for ${extent} channels`);
    }
    const of = (i: number): number => (typeof bound === 'number' ? bound : bound[Math.floor(i / inner) % extent]);
    const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => of(i));
    return { dtype: 'float32', shape: [1, ...shape], data };
  };
  const bounds = { low: filled(range.low), high: filled(range.high) };
  if (!bounds.low.data.every((low, i) => low < bounds.high.data[i])) {
    throw new RangeError(`the range of input ${id} goes from ${range.low} to ${range.high}; the first must be less`);
  }
  return bounds;
}
