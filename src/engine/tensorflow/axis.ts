import { elementCount } from '../../graph/tensor.js';
import type { DeviceTensor, TF } from './value.js';

/** Work along one axis of a tensor of any rank, seen as `[outer, extent, inner]`, which costs no copy. */

function split(t: DeviceTensor, axis: number): [number, number, number] {
  return [elementCount(t.shape.slice(0, axis)), t.shape[axis], elementCount(t.shape.slice(axis + 1))];
}

/** `count` elements of an axis: `start`, `start + step`, … */
export function takeStrided(
  tf: TF,
  t: DeviceTensor,
  axis: number,
  start: number,
  count: number,
  step: number,
): DeviceTensor {
  const [outer, extent, inner] = split(t, axis);
  if (start === 0 && step === 1 && count === extent) return t;
  const flat = tf.reshape(t, [outer, extent, inner]);
  const taken =
    step === 1 || count === 1
      ? tf.slice(flat, [0, start, 0], [outer, count, inner])
      : tf.stridedSlice(flat, [0, start, 0], [outer, start + (count - 1) * step + 1, inner], [1, step, 1]);
  return tf.reshape(taken, t.shape.with(axis, count));
}

/** The adjoint of {@link takeStrided}: puts the elements of an axis at `start`, `start + step`, … of zeros. */
export function putStrided(
  tf: TF,
  t: DeviceTensor,
  axis: number,
  start: number,
  extent: number,
  step: number,
): DeviceTensor {
  const [outer, count, inner] = split(t, axis);
  const reach = (count - 1) * step + 1;
  let spread: DeviceTensor = tf.reshape(t, [outer, count, inner]);
  if (step > 1 && count > 1) {
    const apart = tf.pad(tf.reshape(t, [outer, count, 1, inner]), [
      [0, 0],
      [0, 0],
      [0, step - 1],
      [0, 0],
    ]);
    spread = tf.slice(tf.reshape(apart, [outer, count * step, inner]), [0, 0, 0], [outer, reach, inner]);
  }
  const end = extent - start - reach;
  if (start > 0 || end > 0) {
    spread = tf.pad(spread, [
      [0, 0],
      [start, end],
      [0, 0],
    ]);
  }
  return tf.reshape(spread, t.shape.with(axis, extent));
}

/** Pads axes `first`, `first + 1`, … with `value`. */
export function padAxes(
  tf: TF,
  t: DeviceTensor,
  first: number,
  begin: readonly number[],
  end: readonly number[],
  value = 0,
): DeviceTensor {
  if ([...begin, ...end].every((pad) => pad === 0)) return t;
  const pads = t.shape.map((_, axis): [number, number] => [begin[axis - first] ?? 0, end[axis - first] ?? 0]);
  return tf.pad(t, pads, value);
}

/** What {@link padAxes} added goes: `extents` elements of axes `first`, …, from `begin`. */
export function cropAxes(
  tf: TF,
  t: DeviceTensor,
  first: number,
  begin: readonly number[],
  extents: readonly number[],
): DeviceTensor {
  const at = t.shape.map((_, axis) => begin[axis - first] ?? 0);
  const size = t.shape.map((extent, axis) => extents[axis - first] ?? extent);
  return size.every((extent, axis) => extent === t.shape[axis]) ? t : tf.slice(t, at, size);
}
