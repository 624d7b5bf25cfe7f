import { type Tensor, transposeTensor } from '../../graph/tensor.js';

/** How a weight stands in the file and in the graph. */
export interface WeightLayout {
  toGraph(tensor: Tensor): Tensor;
  /** @param group the `group` of the convolution that reads the weight, after pruning */
  toFile(tensor: Tensor, group: number): Tensor;
}

export const AS_IS: WeightLayout = { toGraph: (t) => t, toFile: (t) => t };

/**
 * Kernels of convolutions: `[…spatial, in, out]` in the file, `[out, in, …spatial]` in the graph. Those of transposed
 * convolutions are `[…spatial, out, in]` and `[in, out, …spatial]`.
 */
export const KERNEL: WeightLayout = {
  toGraph: (t) => {
    const axes = t.shape.length - 2;
    return transposeTensor(t, [axes + 1, axes, ...spatial(axes)]);
  },
  toFile: (t) => {
    const axes = t.shape.length - 2;
    return transposeTensor(t, [...spatial(axes, 2), 1, 0]);
  },
};

/**
 * Kernels of depthwise convolutions: `[…spatial, channels, multiplier]` in the file,
 * `[channels * multiplier, 1, …spatial]` in the graph; output `c * multiplier + j` is the `j`th of channel `c`.
 */
export const DEPTHWISE: WeightLayout = {
  toGraph: (t) => {
    const axes = t.shape.length - 2;
    const [channels, multiplier] = t.shape.slice(axes);
    const kernel = t.shape.slice(0, axes);
    return {
      ...transposeTensor(t, [axes, axes + 1, ...spatial(axes)]),
      shape: [channels * multiplier, 1, ...kernel],
    };
  },
  toFile: (t, group) => {
    const kernel = t.shape.slice(2);
    const multiplier = depthMultiplier(t.shape, group);
    return transposeTensor({ ...t, shape: [group, multiplier, ...kernel] }, [...spatial(kernel.length, 2), 0, 1]);
  },
};

/** Multiplier of a depthwise kernel that the graph holds, for a convolution of `group` channels. */
export function depthMultiplier(shape: readonly number[], group: number): number {
  const [outputs] = shape;
  if (outputs % group !== 0) throw new Error(`${outputs} depthwise outputs of ${group} channels: not a multiple`);
  return outputs / group;
}

/** The last axis stands first: slopes and scales of feature maps, which have no batch. */
export const CHANNELS_FIRST: WeightLayout = {
  toGraph: (t) => {
    const last = t.shape.length - 1;
    return transposeTensor(t, [last, ...spatial(last)]);
  },
  toFile: (t) => transposeTensor(t, [...spatial(t.shape.length - 1, 1), 0]),
};

function spatial(axes: number, from = 0): number[] {
  return Array.from({ length: axes }, (_, i) => from + i);
}
