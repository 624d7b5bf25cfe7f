import type { DType } from './dtype.js';
import { heldBy } from './held.js';

export type { DType };

/** Host storage per dtype: bool is one byte an element, int64 is BigInt64Array. */
export interface TensorDataByType {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}
export type TensorData = TensorDataByType[DType];

/** A dense row-major tensor on the host. `data.length` is the product of `shape`. Not mutated once it is in a graph. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: TensorDataByType[D];
}

/** A tensor of the float64 reference evaluator: every dtype is held as float64 (exact for integers below 2^53). */
export interface RefTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
};

/** Number of elements of a concrete shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

/** Row-major strides, in elements. `[2,3,4]` gives `[12,4,1]`. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let s = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = s;
    s *= shape[i];
  }
  return strides;
}

export function allocate<D extends DType>(dtype: D, length: number): TensorDataByType[D] {
  switch (dtype as DType) {
    case 'float32':
      return new Float32Array(length) as TensorDataByType[D];
    case 'float64':
      return new Float64Array(length) as TensorDataByType[D];
    case 'int32':
      return new Int32Array(length) as TensorDataByType[D];
    case 'int64':
      return new BigInt64Array(length) as TensorDataByType[D];
    default:
      return new Uint8Array(length) as TensorDataByType[D];
  }
}

/** Makes a tensor, checking that the data fill the shape. @throws RangeError when they don't. */
export function tensor<D extends DType>(
  dtype: D,
  shape: readonly number[],
  data: TensorDataByType[D] | readonly number[],
): Tensor<D> {
  const n = elementCount(shape);
  if (data.length !== n) {
    throw new RangeError(`tensor of shape [${shape}] needs ${n} elements, got ${data.length}`);
  }
  if (!Array.isArray(data)) return { dtype, shape: [...shape], data: data as TensorDataByType[D] };
  const out = allocate(dtype, n);
  if (out instanceof BigInt64Array) for (let i = 0; i < n; i++) out[i] = BigInt(data[i]);
  else for (let i = 0; i < n; i++) (out as Float32Array)[i] = data[i];
  return { dtype, shape: [...shape], data: out };
}

export function scalar<D extends DType>(dtype: D, value: number): Tensor<D> {
  return tensor(dtype, [], [value]);
}

export function toRef(t: Tensor): RefTensor {
  const data = new Float64Array(t.data.length);
  if (t.data instanceof BigInt64Array) for (let i = 0; i < data.length; i++) data[i] = Number(t.data[i]);
  else data.set(t.data);
  return { dtype: t.dtype, shape: t.shape, data };
}

export function fromRef(t: RefTensor): Tensor {
  const data = allocate(t.dtype, t.data.length);
  const held = heldBy(t.dtype);
  if (data instanceof BigInt64Array) for (let i = 0; i < data.length; i++) data[i] = BigInt(held(t.data[i]));
  else data.set(t.data);
  return { dtype: t.dtype, shape: t.shape, data };
}

/**
 * Keeps the given indices of one axis, in the given order.
 * @example gather(tensor('float32', [2, 2], [1, 2, 3, 4]), 1, [1]) // [[2], [4]]
 */
export function gatherAxis<D extends DType>(t: Tensor<D>, axis: number, indices: ArrayLike<number>): Tensor<D> {
  const inner = elementCount(t.shape.slice(axis + 1));
  const outer = elementCount(t.shape.slice(0, axis));
  const dim = t.shape[axis];
  const kept = indices.length;
  const data = allocate(t.dtype, outer * kept * inner);
  const src = t.data as Float32Array;
  const dst = data as Float32Array;
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < kept; k++) {
      const from = (o * dim + indices[k]) * inner;
      dst.set(src.subarray(from, from + inner), (o * kept + k) * inner);
    }
  }
  const shape = [...t.shape];
  shape[axis] = kept;
  return { dtype: t.dtype, shape, data };
}

/** Puts tensors that differ in one extent side by side along that axis. Gives one that is alone itself. */
export function joinAxis<T extends Tensor | RefTensor>(parts: readonly T[], axis: number): T {
  const [first] = parts;
  if (parts.length === 1) return first;
  const shape = first.shape.with(
    axis,
    parts.reduce((sum, part) => sum + part.shape[axis], 0),
  );
  const outer = elementCount(shape.slice(0, axis));
  const data = new (first.data.constructor as Float64ArrayConstructor)(elementCount(shape));
  for (let o = 0, to = 0; o < outer; o++) {
    for (const part of parts) {
      const length = part.data.length / outer;
      data.set((part.data as Float64Array).subarray(o * length, (o + 1) * length), to);
      to += length;
    }
  }
  return { ...first, shape, data };
}

/** Reorders axes; `perm[i]` is the input axis that becomes output axis `i`, as in NumPy. */
export function transposeTensor<D extends DType>(t: Tensor<D>, perm: readonly number[]): Tensor<D> {
  const rank = t.shape.length;
  const inStrides = rowMajorStrides(t.shape);
  const shape = perm.map((p) => t.shape[p]);
  const strides = perm.map((p) => inStrides[p]);
  const n = t.data.length;
  const data = allocate(t.dtype, n);
  const src = t.data as Float32Array;
  const dst = data as Float32Array;
  const index = new Array<number>(rank).fill(0);
  let offset = 0;
  for (let i = 0; i < n; i++) {
    dst[i] = src[offset];
    for (let a = rank - 1; a >= 0; a--) {
      offset += strides[a];
      if (++index[a] < shape[a]) break;
      offset -= strides[a] * shape[a];
      index[a] = 0;
    }
  }
  return { dtype: t.dtype, shape, data };
}
