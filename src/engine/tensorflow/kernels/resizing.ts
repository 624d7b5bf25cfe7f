import { type Samples, sampleMatrix, wholeRepeats } from '../../../graph/ops/resampling.js';
import { originalShape, resizedAxes } from '../../../graph/ops/resize.js';
import { elementCount } from '../../../graph/tensor.js';
import { axisPlaces, type Kernel, type KernelTable, ownLayout } from '../kernel.js';
import type { DeviceTensor, TF } from '../value.js';

/** Each index of the axis from one element, or from two by their shares. */
function sampled(tf: TF, t: DeviceTensor, axis: number, { first, second, share }: Samples): DeviceTensor {
  const pick = (indices: ArrayLike<number>) => tf.gather(t, tf.tensor1d(Int32Array.from(indices), 'int32'), axis);
  if (share.every((s) => s === 0)) return pick(first);
  const shares = tf.tensor(
    Float32Array.from(share),
    t.shape.map((_, i) => (i === axis ? share.length : 1)),
  );
  const start = pick(first);
  return tf.add(start, tf.mul(tf.sub(pick(second), start), shares));
}

/** The adjoint of {@link sampled}, to `extent` elements. */
function gathered(tf: TF, t: DeviceTensor, axis: number, samples: Samples, extent: number): DeviceTensor {
  const rows = samples.first.length;
  const outer = elementCount(t.shape.slice(0, axis));
  const inner = elementCount(t.shape.slice(axis + 1));
  const times = wholeRepeats(samples, extent);
  const result =
    times === undefined
      ? tf.matMul(
          tf.tensor3d(Float32Array.from(sampleMatrix(samples, extent)), [1, rows, extent]),
          tf.reshape(t, [outer, rows, inner]),
          true,
        )
      : tf.sum(tf.reshape(t, [outer, extent, times, inner]), 2);
  return tf.reshape(result, t.shape.with(axis, extent));
}

/** Takes the axes that change one after the other, as they stand. */
const byAxes =
  (
    shapeBefore: (x: Parameters<Kernel>[0], shape: readonly number[]) => readonly number[],
    change: (tf: TF, t: DeviceTensor, axis: number, samples: Samples, extent: number) => DeviceTensor,
  ): Kernel =>
  (x) => {
    const layout = ownLayout(x, 0);
    const input = x.value(0).in(layout);
    const places = axisPlaces(input.rank, layout);
    const shape = shapeBefore(
      x,
      places.map((place) => input.shape[place]),
    );
    const tensor = resizedAxes(x.node, shape).reduce<DeviceTensor>(
      (t, { axis, samples }) => change(x.tf, t, places[axis], samples, shape[axis]),
      input,
    );
    return { tensor, layout };
  };

export const RESIZING: KernelTable = {
  Resize: byAxes((_, shape) => shape, sampled),
  ResizeGrad: byAxes((x, shape) => originalShape(x.node, shape), gathered),
};
