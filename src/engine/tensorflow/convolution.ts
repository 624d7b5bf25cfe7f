import type { Window } from '../../graph/ops/window.js';
import { cropAxes, padAxes, putStrided, takeStrided } from './axis.js';
import { convolve2d, filterGradient2d, inputGradient2d } from './convolution-2d.js';
import { type Convolution, reachedExtents } from './convolution-window.js';
import type { DeviceTensor, TF } from './value.js';

/**
 * One spatial axis gets a second of extent 1; of three, the first is taken apart: a 3-D convolution is a sum of 2-D ones
 * over its kernel's first axis, with the positions of that axis as samples. All backends have 2-D kernels.
 */
export function convolve(tf: TF, x: DeviceTensor, w: DeviceTensor, conv: Convolution): DeviceTensor {
  const rank = conv.spatial.length;
  if (rank === 2) return convolve2d(tf, x, w, conv);
  if (rank === 1) {
    return tf.squeeze(convolve2d(tf, tf.expandDims(x, 1), tf.expandDims(w, 0), withUnitAxis(conv)), [1]);
  }
  const padded = padFirst(tf, x, conv);
  const rest = withoutFirstAxis(conv);
  const parts = tf.unstack(w, 0).map((part, k) => {
    return tf.tidy(() => convolve(tf, merged(tf, firstTap(tf, padded, conv, k)), part, rest));
  });
  return unmerged(tf, sum(tf, parts), conv.window.output[0]);
}

/** dx of {@link convolve}; and a transposed convolution, which is the convolution `conv` run backwards. */
export function convolveInputGradient(tf: TF, dy: DeviceTensor, w: DeviceTensor, conv: Convolution): DeviceTensor {
  const rank = conv.spatial.length;
  if (rank === 2) return inputGradient2d(tf, dy, w, conv);
  if (rank === 1) {
    return tf.squeeze(inputGradient2d(tf, tf.expandDims(dy, 1), tf.expandDims(w, 0), withUnitAxis(conv)), [1]);
  }
  const { dilations, strides, padsBegin } = conv.window;
  const extent = Math.max(conv.spatial[0] + padsBegin[0], reachedExtents(conv.window)[0]);
  const rest = withoutFirstAxis(conv);
  const rows = merged(tf, dy);
  const [, positions]: readonly number[] = dy.shape;
  const parts = tf.unstack(w, 0).map((part, k) =>
    tf.tidy(() => {
      const dx = unmerged(tf, convolveInputGradient(tf, rows, part, rest), positions);
      return putStrided(tf, dx, 1, k * dilations[0], extent, strides[0]);
    }),
  );
  return cropAxes(tf, sum(tf, parts), 1, [padsBegin[0]], [conv.spatial[0]]);
}

/** dW of {@link convolve}, as its filters stand. */
export function convolveFilterGradient(tf: TF, x: DeviceTensor, dy: DeviceTensor, conv: Convolution): DeviceTensor {
  const rank = conv.spatial.length;
  if (rank === 2) return filterGradient2d(tf, x, dy, conv);
  if (rank === 1) {
    return tf.squeeze(filterGradient2d(tf, tf.expandDims(x, 1), tf.expandDims(dy, 1), withUnitAxis(conv)), [0]);
  }
  const padded = padFirst(tf, x, conv);
  const rest = withoutFirstAxis(conv);
  const rows = merged(tf, dy);
  const parts = Array.from({ length: conv.window.kernel[0] }, (_, k) =>
    tf.tidy(() => convolveFilterGradient(tf, merged(tf, firstTap(tf, padded, conv, k)), rows, rest)),
  );
  return tf.stack(parts, 0);
}

function padFirst(tf: TF, x: DeviceTensor, { window }: Convolution): DeviceTensor {
  return padAxes(tf, x, 1, window.padsBegin.slice(0, 1), window.padsEnd.slice(0, 1));
}

/** What position `k` of the kernel's first axis multiplies. */
function firstTap(tf: TF, padded: DeviceTensor, { window }: Convolution, k: number): DeviceTensor {
  return takeStrided(tf, padded, 1, k * window.dilations[0], window.output[0], window.strides[0]);
}

/** The first spatial axis among the samples. */
function merged(tf: TF, t: DeviceTensor): DeviceTensor {
  const [samples, extent, ...rest]: readonly number[] = t.shape;
  return tf.reshape(t, [samples * extent, ...rest]);
}

function unmerged(tf: TF, t: DeviceTensor, extent: number): DeviceTensor {
  return tf.reshape(t, [t.shape[0] / extent, extent, ...t.shape.slice(1)]);
}

function sum(tf: TF, parts: DeviceTensor[]): DeviceTensor {
  return parts.length === 1 ? parts[0] : tf.addN(parts);
}

function withoutFirstAxis({ window, spatial, groups }: Convolution): Convolution {
  const rest = mapWindow(window, (values) => values.slice(1));
  return { window: rest, spatial: spatial.slice(1), groups };
}

/** A first axis of extent 1, over which nothing slides. */
function withUnitAxis({ window, spatial, groups }: Convolution): Convolution {
  const wide = mapWindow(window, (values, unit) => [unit, ...values]);
  return { window: wide, spatial: [1, ...spatial], groups };
}

function mapWindow(
  w: Window<number>,
  f: (values: readonly number[], unit: number) => readonly number[],
): Window<number> {
  return {
    kernel: f(w.kernel, 1),
    strides: f(w.strides, 1),
    dilations: f(w.dilations, 1),
    padsBegin: f(w.padsBegin, 0),
    padsEnd: f(w.padsEnd, 0),
    output: f(w.output, 1),
  };
}
