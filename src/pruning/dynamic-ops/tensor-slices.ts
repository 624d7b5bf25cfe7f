import { allocate, elementCount, gatherAxis, rowMajorStrides, type Tensor } from '../../graph/tensor.js';

/** For each axis the indices that stay, ascending; undefined for an axis that stays whole. */
export type KeptAxes = readonly (Int32Array | undefined)[];

/** Keeps the given indices of every axis. Gives the tensor itself where every axis stays whole. */
export function gatherAxes(full: Tensor, kept: KeptAxes): Tensor {
  let part = full;
  kept.forEach((indices, axis) => {
    if (indices) part = gatherAxis(part, axis, indices);
  });
  return part;
}

/** A copy of `full` with `part` written where {@link gatherAxes} took it from. @throws RangeError for a wrong shape. */
export function scatterAxes(full: Tensor, kept: KeptAxes, part: Tensor): Tensor {
  const shape = full.shape.map((extent, axis) => kept[axis]?.length ?? extent);
  if (part.dtype !== full.dtype || part.shape.length !== shape.length || part.shape.some((d, a) => d !== shape[a])) {
    throw new RangeError(`a ${full.dtype} slice of shape [${shape}] is needed, got ${part.dtype} [${part.shape}]`);
  }
  const data = allocate(full.dtype, full.data.length) as Float32Array;
  data.set(full.data as Float32Array);
  const source = part.data as Float32Array;
  const strides = rowMajorStrides(full.shape);
  const rank = shape.length;
  // Axes behind the last one with gaps are copied in one go.
  let last = rank - 1;
  while (last >= 0 && !kept[last]) last--;
  const run = elementCount(full.shape.slice(last + 1));
  const index = new Array<number>(last + 1).fill(0);
  for (let from = 0; from < source.length; from += run) {
    let to = 0;
    for (let axis = 0; axis <= last; axis++) to += (kept[axis]?.[index[axis]] ?? index[axis]) * strides[axis];
    data.set(source.subarray(from, from + run), to);
    for (let axis = last; axis >= 0; axis--) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return { dtype: full.dtype, shape: full.shape, data: data as Tensor['data'] };
}
