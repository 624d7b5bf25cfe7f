import type { Tensor4D } from '@tensorflow/tfjs';
import type { Window } from '../../graph/ops/window.js';
import { cropAxes, padAxes, putStrided, takeStrided } from './axis.js';
import { type Convolution, reachedExtents } from './convolution-window.js';
import type { DeviceTensor, TF } from './value.js';

type Pair = [number, number];

const channelsOf = ({ shape }: { shape: readonly number[] }): number => shape[shape.length - 1];

/** Every group has one input channel, and there are several. */
function isDepthwise(w: DeviceTensor, groups: number): boolean {
  return groups > 1 && w.shape[2] === 1;
}

export function convolve2d(tf: TF, x: DeviceTensor, w: DeviceTensor, conv: Convolution): DeviceTensor {
  if (isDepthwise(w, conv.groups)) return convolveDepthwise(tf, x, w, conv);
  return byGroup(tf, x, w, conv.groups, (values, filter) => {
    const { strides, dilations, padsBegin, padsEnd } = conv.window;
    // TensorFlow.js takes either strides or dilations.
    const direct = strides.every((s) => s === 1);
    const pads: [Pair, Pair, Pair, Pair] = [
      [0, 0],
      [padsBegin[0], padsEnd[0]],
      [padsBegin[1], padsEnd[1]],
      [0, 0],
    ];
    return tf.conv2d(
      values as Tensor4D,
      (direct ? filter : widened(tf, filter, dilations)) as Tensor4D,
      strides as Pair,
      pads,
      'NHWC',
      direct ? (dilations as Pair) : 1,
    );
  });
}

/** TensorFlow's own kernel has no dilations, and one stride for both axes. */
function convolveDepthwise(tf: TF, x: DeviceTensor, w: DeviceTensor, conv: Convolution): DeviceTensor {
  const { window } = conv;
  const padded = padAxes(tf, x, 1, window.padsBegin, window.padsEnd);
  const filter = depthwiseFilter(tf, widened(tf, w, window.dilations), conv.groups);
  const [high, wide] = window.strides;
  if (high === wide) return tf.depthwiseConv2d(padded as Tensor4D, filter, high, 'valid');
  const dense = tf.depthwiseConv2d(padded as Tensor4D, filter, 1, 'valid');
  return takeStrided(tf, takeStrided(tf, dense, 1, 0, window.output[0], high), 2, 0, window.output[1], wide);
}

/** `[…kernel, 1, C · M]` to TensorFlow's `[…kernel, C, M]`. */
function depthwiseFilter(tf: TF, w: DeviceTensor, channels: number): Tensor4D {
  const [high, wide, , filters]: readonly number[] = w.shape;
  return tf.reshape(w, [high, wide, channels, filters / channels]) as Tensor4D;
}

/** A filter with its dilations written out as zeros. */
function widened(tf: TF, w: DeviceTensor, dilations: readonly number[]): DeviceTensor {
  return dilations.reduce((filter, dilation, axis) => {
    return putStrided(tf, filter, axis, 0, (filter.shape[axis] - 1) * dilation + 1, dilation);
  }, w);
}

export function inputGradient2d(tf: TF, dy: DeviceTensor, w: DeviceTensor, conv: Convolution): DeviceTensor {
  const { window, spatial, groups } = conv;
  const reached = reachedExtents(window);
  const filter = widened(tf, w, window.dilations);
  const dx = isDepthwise(w, groups)
    ? depthwiseInputGradient(tf, dy, filter, window, reached, groups)
    : byGroup(tf, dy, filter, groups, (part, ofGroup) => {
        const [[samples], [, , inputs]]: (readonly number[])[] = [dy.shape, w.shape];
        const shape: [number, number, number, number] = [samples, reached[0], reached[1], inputs];
        return tf.conv2dTranspose(part as Tensor4D, ofGroup as Tensor4D, shape, window.strides as Pair, 'valid');
      });
  // What no window reached has no gradient.
  const missing = spatial.map((extent, i) => Math.max(0, extent + window.padsBegin[i] - reached[i]));
  return cropAxes(tf, padAxes(tf, dx, 1, [0, 0], missing), 1, window.padsBegin, spatial);
}

/** A depthwise convolution of dy, its strides written out as zeros, with the reversed filter; summed over multipliers. */
function depthwiseInputGradient(
  tf: TF,
  dy: DeviceTensor,
  w: DeviceTensor,
  window: Window<number>,
  reached: readonly number[],
  groups: number,
): DeviceTensor {
  const filter = tf.reverse(depthwiseFilter(tf, w, groups), [0, 1]);
  const multiplier = filter.shape[3];
  const spread = window.strides.reduce((t, stride, i) => {
    const far = filter.shape[i] - 1;
    return putStrided(tf, t, i + 1, far, reached[i] + far, stride);
  }, dy);
  const byMultiplier = tf.reshape(spread, [spread.size / multiplier, multiplier]);
  const parts = Array.from({ length: multiplier }, (_, m) =>
    tf.tidy(() => {
      const part = tf.reshape(takeStrided(tf, byMultiplier, 1, m, 1, 1), [...spread.shape.slice(0, 3), groups]);
      const own = takeStrided(tf, filter, 3, m, 1, 1);
      return tf.depthwiseConv2d(part as Tensor4D, own as Tensor4D, 1, 'valid');
    }),
  );
  return parts.length === 1 ? parts[0] : tf.addN(parts);
}

export function filterGradient2d(tf: TF, x: DeviceTensor, dy: DeviceTensor, conv: Convolution): DeviceTensor {
  const { window, groups } = conv;
  const [inputs, outputs] = [x, dy].map(channelsOf);
  const depthwise = groups > 1 && inputs === groups;
  const padded = padAxes(tf, x, 1, window.padsBegin, window.padsEnd);
  return (
    nativeFilterGradient(tf, padded, dy, conv, depthwise) ??
    (depthwise ? depthwiseByTaps : productsByTaps)(tf, padded, dy, conv, inputs, outputs)
  );
}

/** The backend's own kernel, where it has one that does this geometry. */
function nativeFilterGradient(
  tf: TF,
  padded: DeviceTensor,
  dy: DeviceTensor,
  { window, groups }: Convolution,
  depthwise: boolean,
): DeviceTensor | undefined {
  const [high, wide] = window.strides;
  const kernel = depthwise ? 'DepthwiseConv2dNativeBackpropFilter' : 'Conv2DBackpropFilter';
  const fits = window.dilations.every((d) => d === 1) && (depthwise ? high === wide : groups === 1);
  if (!fits || !tf.getKernel(kernel, tf.getBackend())) return undefined;
  const [inputs, outputs] = [padded, dy].map(channelsOf);
  const filterShape = [...window.kernel, inputs, depthwise ? outputs / groups : outputs];
  const common = { strides: [high, wide], pad: 'valid', filterShape };
  const attrs = depthwise ? { ...common, dilations: [1, 1] } : { ...common, dataFormat: 'NHWC' };
  const dw = tf.engine().runKernel(kernel, { x: padded, dy }, attrs) as DeviceTensor;
  return depthwise ? tf.reshape(dw, [...window.kernel, 1, outputs]) : dw;
}

/** Per kernel position one product of what it multiplied, `[positions, C]`, and dy, `[positions, O]`. */
function productsByTaps(
  tf: TF,
  padded: DeviceTensor,
  dy: DeviceTensor,
  { window, groups }: Convolution,
  inputs: number,
  outputs: number,
): DeviceTensor {
  const rows = (t: DeviceTensor, channels: number) => {
    const positions = t.size / channels;
    if (groups === 1) return tf.reshape(t, [positions, channels]);
    return tf.transpose(tf.reshape(t, [positions, groups, channels / groups]), [1, 0, 2]);
  };
  const dyRows = rows(dy, outputs);
  const taps = tapsOf(tf, padded, window, (tap) => {
    const product = tf.matMul(rows(tap, inputs), dyRows, true, false);
    return groups === 1 ? product : tf.reshape(tf.transpose(product, [1, 0, 2]), [inputs / groups, outputs]);
  });
  return tf.reshape(tf.stack(taps), [...window.kernel, inputs / groups, outputs]);
}

function depthwiseByTaps(
  tf: TF,
  padded: DeviceTensor,
  dy: DeviceTensor,
  { window }: Convolution,
  inputs: number,
  outputs: number,
): DeviceTensor {
  const positions = dy.size / outputs;
  const dyRows = tf.reshape(dy, [positions, inputs, outputs / inputs]);
  const taps = tapsOf(tf, padded, window, (tap) => tf.sum(tf.mul(tf.reshape(tap, [positions, inputs, 1]), dyRows), 0));
  return tf.reshape(tf.stack(taps), [...window.kernel, 1, outputs]);
}

/** What each kernel position multiplied, in row-major order; only one of them is held at a time. */
function tapsOf(
  tf: TF,
  padded: DeviceTensor,
  { kernel, dilations, strides, output }: Window<number>,
  use: (tap: DeviceTensor) => DeviceTensor,
): DeviceTensor[] {
  const [high, wide] = kernel;
  return Array.from({ length: high * wide }, (_, position) =>
    tf.tidy(() => {
      const row = Math.floor(position / wide) * dilations[0];
      const column = (position % wide) * dilations[1];
      const rows = takeStrided(tf, padded, 1, row, output[0], strides[0]);
      return use(takeStrided(tf, rows, 2, column, output[1], strides[1]));
    }),
  );
}

/** Splits values and filters into their groups, and joins what `f` makes of each. Filters are split by outputs. */
function byGroup(
  tf: TF,
  values: DeviceTensor,
  w: DeviceTensor,
  groups: number,
  f: (values: DeviceTensor, w: DeviceTensor) => DeviceTensor,
): DeviceTensor {
  if (groups === 1) return f(values, w);
  const filters = tf.split(w, groups, 3);
  return tf.concat(
    tf.split(values, groups, 3).map((part, g) => tf.tidy(() => f(part, filters[g]))),
    3,
  );
}
