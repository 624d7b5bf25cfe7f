import { intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { resolveTransposedWindow } from '../../../graph/ops/transposed-window.js';
import { resolveWindow } from '../../../graph/ops/window.js';
import { convolve, convolveFilterGradient, convolveInputGradient } from '../convolution.js';
import type { Convolution } from '../convolution-window.js';
import { channelsLast, type KernelTable, type NodeRun } from '../kernel.js';
import type { DeviceTensor } from '../value.js';

function convolution(x: NodeRun, spatial: readonly number[], kernel: readonly number[]): Convolution {
  return { window: resolveWindow(x.node, spatial, kernel), spatial, groups: intAttr(x.node, 'group', 1) };
}

/** Input `i`, filters `[O, C / groups, …kernel]`, as `[…kernel, C / groups, O]`. */
function filters(x: NodeRun, i: number): DeviceTensor {
  return x.value(i).form('filters', () => {
    const w = x.input(i);
    return x.tf.transpose(w, [...w.shape.keys()].slice(2).concat(1, 0));
  });
}

export const CONVOLUTIONS: KernelTable = {
  Conv: (x) => {
    const { tf } = x;
    const input = x.channelsLast(0);
    const w = filters(x, 1);
    const y = convolve(tf, input, w, convolution(x, input.shape.slice(1, -1), w.shape.slice(0, -2)));
    return channelsLast(x.hasInput(2) ? tf.add(y, x.input(2)) : y);
  },
  ConvInputGrad: (x) => {
    const w = filters(x, 1);
    const geometry = convolution(x, intsAttr(x.node, 'spatial'), w.shape.slice(0, -2));
    return channelsLast(convolveInputGradient(x.tf, x.channelsLast(0), w, geometry));
  },
  ConvTranspose: (x) => {
    const { tf } = x;
    const input = x.channelsLast(0);
    const w = filters(x, 1);
    const { window, output } = resolveTransposedWindow(x.node, input.shape.slice(1, -1), w.shape.slice(0, -2));
    const groups = intAttr(x.node, 'group', 1);
    const y = convolveInputGradient(tf, input, w, { window, spatial: output, groups });
    return channelsLast(x.hasInput(2) ? tf.add(y, x.input(2)) : y);
  },
  ConvFilterGrad: (x) => {
    const input = x.channelsLast(0);
    const geometry = convolution(x, input.shape.slice(1, -1), intsAttr(x.node, 'kernel_shape'));
    const dw = convolveFilterGradient(x.tf, input, x.channelsLast(1), geometry);
    const rank = dw.rank;
    return x.tf.transpose(dw, [rank - 1, rank - 2, ...geometry.spatial.keys()]);
  },
};
