import type { Window } from '../../graph/ops/window.js';

/**
 * A convolution over any number of spatial axes, and what stands where: values are `[N, …spatial, C]`, filters
 * `[…kernel, C / groups, O]`.
 */
export interface Convolution {
  readonly window: Window<number>;
  readonly spatial: readonly number[];
  readonly groups: number;
}

/** How far along each axis of the padded input the windows reach. */
export function reachedExtents({ kernel, strides, dilations, output }: Window<number>): number[] {
  return output.map((extent, i) => (extent - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1);
}
