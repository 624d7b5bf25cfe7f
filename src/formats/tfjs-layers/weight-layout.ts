import { type Tensor, transposeTensor } from '../../graph/tensor.js';

/** How a weight stands in the file and in the graph. */
export interface WeightLayout {
  toGraph(tensor: Tensor): Tensor;
  /** @param group the `group` of the convolution that reads the weight, after pruning */
  toFile(tensor: Tensor, group: number): Tensor;
}

export const AS_IS: WeightLayout = { toGraph: (t) => t, toFile: (t) => t };

/** Kernels of convolutions: `[height, width, in, out]` in the file, `[out, in, height, width]` in the graph. */
export const HWIO: WeightLayout = {
  toGraph: (t) => transposeTensor(t, [3, 2, 0, 1]),
  toFile: (t) => transposeTensor(t, [2, 3, 1, 0]),
};

/**
 * Kernels of depthwise convolutions: `[height, width, channels, multiplier]` in the file,
 * `[channels * multiplier, 1, height, width]` in the graph; output `c * multiplier + j` is the `j`th of channel `c`.
 */
export const DEPTHWISE: WeightLayout = {
  toGraph: (t) => {
    const [height, width, channels, multiplier] = t.shape;
    return { ...transposeTensor(t, [2, 3, 0, 1]), shape: [channels * multiplier, 1, height, width] };
  },
  toFile: (t, group) => {
    const [outputs, , height, width] = t.shape;
    if (outputs % group !== 0) throw new Error(`${outputs} depthwise outputs of ${group} channels: not a multiple`);
    return transposeTensor({ ...t, shape: [group, outputs / group, height, width] }, [2, 3, 0, 1]);
  },
};
