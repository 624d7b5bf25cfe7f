import type { Tensor4D } from '@tensorflow/tfjs';
import { flagAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { averagePoolCounts } from '../../../graph/ops/pooling.js';
import { resolveWindow, type Window } from '../../../graph/ops/window.js';
import { elementCount } from '../../../graph/tensor.js';
import { coveringPads } from '../../covering-pads.js';
import { padAxes, takeStrided } from '../axis.js';
import { channelsLast, type Kernel, type KernelTable, type NodeRun } from '../kernel.js';
import type { DeviceTensor, TF } from '../value.js';

/** The window of a pool over a channels-last input. */
export function poolWindow(x: NodeRun, spatial: readonly number[]): Window<number> {
  return resolveWindow(x.node, spatial, intsAttr(x.node, 'kernel_shape'));
}

/** The input with all padding that its windows touch. */
export function paddedForPool(
  tf: TF,
  input: DeviceTensor,
  window: Window<number>,
  spatial: readonly number[],
  value: number,
): DeviceTensor {
  return padAxes(tf, input, 1, window.padsBegin, coveringPads(window, spatial), value);
}

/** Pools are folded axis by axis; backends have kernels for undilated windows in two axes. */
function pooled(
  tf: TF,
  padded: DeviceTensor,
  window: Window<number>,
  fold: (a: DeviceTensor, b: DeviceTensor) => DeviceTensor,
): DeviceTensor {
  return window.kernel.reduce((t, extent, i) => {
    const tap = (k: number) => takeStrided(tf, t, i + 1, k * window.dilations[i], window.output[i], window.strides[i]);
    let folded = tap(0);
    for (let k = 1; k < extent; k++) folded = fold(folded, tap(k));
    return folded;
  }, padded);
}

const hasKernel = (window: Window<number>): boolean =>
  window.kernel.length === 2 && window.dilations.every((d) => d === 1);

/** What each window of an average pool divides by, the reciprocal, times `scale`: `[…output, 1]`. */
export function reciprocalCounts(x: NodeRun, window: Window<number>, spatial: readonly number[], scale = 1) {
  const counts = averagePoolCounts(window, spatial, flagAttr(x.node, 'count_include_pad', false));
  return x.tf.tensor(
    Float32Array.from(counts, (count) => scale / count),
    [...window.output, 1],
  );
}

/** Reduces all spatial axes to extents of 1. */
const globalPool =
  (reduce: (tf: TF, x: DeviceTensor, axes: number[]) => DeviceTensor): Kernel =>
  (x) => {
    const input = x.channelsLast(0);
    return channelsLast(
      reduce(
        x.tf,
        input,
        input.shape.slice(1, -1).map((_, i) => i + 1),
      ),
    );
  };

export const POOLS: KernelTable = {
  GlobalAveragePool: globalPool((tf, x, axes) => tf.mean(x, axes, true)),
  GlobalMaxPool: globalPool((tf, x, axes) => tf.max(x, axes, true)),
  MaxPool: (x) => {
    const { tf } = x;
    const input = x.channelsLast(0);
    const spatial = input.shape.slice(1, -1);
    const window = poolWindow(x, spatial);
    const lowest = input.dtype === 'float32' ? Number.NEGATIVE_INFINITY : -(2 ** 31);
    const padded = paddedForPool(tf, input, window, spatial, lowest);
    if (!hasKernel(window) || input.dtype !== 'float32') return channelsLast(pooled(tf, padded, window, tf.maximum));
    const [kernel, strides] = [window.kernel, window.strides] as [number, number][];
    const y = tf.maxPool(padded as Tensor4D, kernel, strides, 'valid');
    return channelsLast(y);
  },
  AveragePool: (x) => {
    const { tf } = x;
    const input = x.channelsLast(0);
    const spatial = input.shape.slice(1, -1);
    const window = poolWindow(x, spatial);
    const padded = paddedForPool(tf, input, window, spatial, 0);
    if (!hasKernel(window)) {
      return channelsLast(tf.mul(pooled(tf, padded, window, tf.add), reciprocalCounts(x, window, spatial)));
    }
    const [kernel, strides] = [window.kernel, window.strides] as [number, number][];
    const means = tf.avgPool(padded as Tensor4D, kernel, strides, 'valid');
    if (padded === input) return channelsLast(means);
    return channelsLast(tf.mul(means, reciprocalCounts(x, window, spatial, elementCount(kernel))));
  },
};
