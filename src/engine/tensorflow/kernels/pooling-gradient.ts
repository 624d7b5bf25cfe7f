import { intsAttr } from '../../../graph/ops/attributes.js';
import type { Window } from '../../../graph/ops/window.js';
import { coveringPads } from '../../covering-pads.js';
import { cropAxes, putStrided, takeStrided } from '../axis.js';
import { channelsLast, type KernelTable } from '../kernel.js';
import type { DeviceTensor, TF } from '../value.js';
import { paddedForPool, poolWindow, reciprocalCounts } from './pooling.js';

/** Extents of the input with all padding that its windows touch. */
function paddedExtents(window: Window<number>, spatial: readonly number[]): number[] {
  const end = coveringPads(window, spatial);
  return spatial.map((extent, i) => extent + window.padsBegin[i] + end[i]);
}

/** Every kernel position, in row-major order. */
function kernelPositions(kernel: readonly number[]): number[][] {
  let all: number[][] = [[]];
  for (const extent of kernel) all = all.flatMap((at) => Array.from({ length: extent }, (_, k) => [...at, k]));
  return all;
}

/** What one kernel position sees, for every window. */
function tapAt(tf: TF, padded: DeviceTensor, window: Window<number>, at: readonly number[]): DeviceTensor {
  return at.reduce(
    (t, k, i) => takeStrided(tf, t, i + 1, k * window.dilations[i], window.output[i], window.strides[i]),
    padded,
  );
}

export const POOL_GRADIENTS: KernelTable = {
  /** Composed, since backends differ in which of equal maxima receives: here it is the first. */
  MaxPoolGrad: (x) => {
    const { tf } = x;
    const input = x.channelsLast(0);
    const [y, dy] = [x.channelsLast(1), x.channelsLast(2)];
    const spatial = input.shape.slice(1, -1);
    const window = poolWindow(x, spatial);
    const extents = paddedExtents(window, spatial);
    const padded = paddedForPool(tf, input, window, spatial, Number.NEGATIVE_INFINITY);
    let rest = dy;
    let dx: DeviceTensor | undefined;
    for (const at of kernelPositions(window.kernel)) {
      const [left, sum] = tf.tidy((): [DeviceTensor, DeviceTensor] => {
        const isMaximum = tf.equal(tapAt(tf, padded, window, at), y);
        const own = tf.where(isMaximum, rest, tf.zerosLike(rest));
        const put = at.reduce(
          (t, k, i) => putStrided(tf, t, i + 1, k * window.dilations[i], extents[i], window.strides[i]),
          own,
        );
        // What a window's gradient went to has taken all of it.
        return [tf.sub(rest, own), dx ? tf.add(dx, put) : put];
      });
      if (rest !== dy) rest.dispose();
      dx?.dispose();
      [rest, dx] = [left, sum];
    }
    return channelsLast(cropAxes(tf, dx!, 1, window.padsBegin, spatial));
  },
  /** Each gradient's share, put back axis by axis. */
  AveragePoolGrad: (x) => {
    const { tf } = x;
    const spatial = intsAttr(x.node, 'spatial');
    const window = poolWindow(x, spatial);
    const extents = paddedExtents(window, spatial);
    const shares = tf.mul(x.channelsLast(0), reciprocalCounts(x, window, spatial));
    const dx = window.kernel.reduce<DeviceTensor>((t, extent, i) => {
      const put = (k: number) => putStrided(tf, t, i + 1, k * window.dilations[i], extents[i], window.strides[i]);
      let sum = put(0);
      for (let k = 1; k < extent; k++) sum = tf.add(sum, put(k));
      return sum;
    }, shares);
    return channelsLast(cropAxes(tf, dx, 1, window.padsBegin, spatial));
  },
};
