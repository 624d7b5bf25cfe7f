import { EspalierError } from '../errors.js';
import { type Tensor, tensor } from '../graph/tensor.js';
import type { NpyArray, RawData } from './npy.js';
import { type Batch, resolveScaling, type Scaling, type Split } from './split.js';

/**
 * A split over whole arrays in memory: they stay in their own element type until a batch is asked for.
 * @param x `[n, …sample]`
 * @param y `[n]`, `[n, 1]` or one-hot `[n, classes]`
 * @throws EspalierError DATASET_INVALID, DATASET_NOT_FINITE, LABELS_INVALID, naming the array
 */
export function arraySplit(x: NamedArray, y: NamedArray | undefined): Split {
  if (x.shape.length < 2) {
    throw new EspalierError('DATASET_INVALID', `${x.name} has shape [${x.shape}]; samples and their values are needed`);
  }
  if (x.data.length === 0) throw new EspalierError('DATASET_INVALID', `${x.name} is empty: shape [${x.shape}]`);
  const count = x.shape[0];
  if (y && y.shape[0] !== count) {
    throw new EspalierError('DATASET_INVALID', `${x.name} has ${count} samples, ${y.name} has ${y.shape[0] ?? 'none'}`);
  }
  checkFinite(x);
  const labels = y && readLabels(y);
  const inputShape = x.shape.slice(1);
  return {
    count,
    inputShape,
    dtype: x.dtype,
    labels: labels ? { kind: labels.kind, classes: labels.classes } : { kind: 'none', classes: null },
    batch: (indices, scaling): Batch => {
      const batchX = gatherScaled(x, inputShape, indices, scaling);
      return labels ? { x: batchX, y: gatherLabels(labels.data, labels.classes, indices) } : { x: batchX };
    },
  };
}

export interface NamedArray extends NpyArray {
  readonly name: string;
}

function checkFinite({ name, shape, data, kind }: NamedArray): void {
  if (kind !== 'float') return;
  const values = data as Float32Array;
  let faults = 0;
  let first = -1;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    if (faults++ === 0) first = i;
  }
  if (faults === 0) return;
  const found = Number.isNaN(values[first]) ? 'NaN' : String(values[first]);
  throw new EspalierError(
    'DATASET_NOT_FINITE',
    `${name} holds ${faults} values that are NaN or infinite; the first is ${found} at [${unravel(first, shape)}]`,
  );
}

function unravel(offset: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = offset;
  for (const extent of [...shape].reverse()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return index;
}

interface LabelData {
  readonly kind: 'index' | 'one_hot';
  readonly classes: number;
  readonly data: Int32Array | Float32Array;
}

function readLabels(y: NamedArray): LabelData {
  const columns = y.shape.slice(1).reduce((n, d) => n * d, 1);
  if (y.shape.length > 2 || columns === 0) {
    throw new EspalierError(
      'LABELS_INVALID',
      `${y.name} has shape [${y.shape}]; taken are [n] and [n, 1] class numbers and one-hot [n, classes]`,
    );
  }
  checkFinite(y);
  return columns === 1 ? readIndices(y) : readOneHot(y, columns);
}

function readIndices(y: NamedArray): LabelData {
  const data = new Int32Array(y.data.length);
  let largest = 0;
  for (let i = 0; i < data.length; i++) {
    const value = Number(y.data[i]);
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** 31 - 1) {
      throw new EspalierError('LABELS_INVALID', `${y.name}[${i}] is ${value}; class numbers are whole, from 0`);
    }
    data[i] = value;
    if (value > largest) largest = value;
  }
  return { kind: 'index', classes: largest + 1, data };
}

function readOneHot(y: NamedArray, classes: number): LabelData {
  const data = Float32Array.from(y.data as Float32Array, Number);
  for (let row = 0; row < data.length / classes; row++) {
    let sum = 0;
    let least = 0;
    for (let c = 0; c < classes; c++) {
      sum += data[row * classes + c];
      least = Math.min(least, data[row * classes + c]);
    }
    if (least < 0 || Math.abs(sum - 1) > 1e-3) {
      throw new EspalierError(
        'LABELS_INVALID',
        `${y.name}[${row}] is no probability distribution over ${classes} classes: its sum is ${sum}, its least ${least}`,
      );
    }
  }
  return { kind: 'one_hot', classes, data };
}

function gatherScaled(
  x: NamedArray,
  inputShape: readonly number[],
  indices: ArrayLike<number>,
  scaling: Scaling,
): Tensor<'float32'> {
  const stride = inputShape.reduce((n, d) => n * d, 1);
  const { scale, offset } = resolveScaling(scaling, x.kind, inputShape[inputShape.length - 1]);
  const out = new Float32Array(indices.length * stride);
  const narrow = x.data as Exclude<RawData, BigInt64Array | BigUint64Array>;
  const wide = x.data instanceof BigInt64Array || x.data instanceof BigUint64Array;
  for (let i = 0; i < indices.length; i++) {
    const from = checkIndex(indices[i], x) * stride;
    const to = i * stride;
    if (scale.length === 1 && !wide) {
      for (let k = 0; k < stride; k++) out[to + k] = narrow[from + k] * scale[0] + offset[0];
    } else {
      for (let k = 0; k < stride; k++) {
        const c = k % scale.length;
        out[to + k] = Number(x.data[from + k]) * scale[c] + offset[c];
      }
    }
  }
  return tensor('float32', [indices.length, ...inputShape], out);
}

function checkIndex(index: number, x: NamedArray): number {
  if (!(index >= 0 && index < x.shape[0])) throw new RangeError(`sample ${index} of ${x.shape[0]} in ${x.name}`);
  return index;
}

/** Class numbers `[n]` from an Int32Array, rows `[n, classes]` from a Float32Array. */
function gatherLabels(data: Int32Array | Float32Array, classes: number, indices: ArrayLike<number>): Tensor {
  if (data instanceof Int32Array) {
    return tensor(
      'int32',
      [indices.length],
      Int32Array.from(indices, (i) => data[i]),
    );
  }
  const out = new Float32Array(indices.length * classes);
  for (let i = 0; i < indices.length; i++) {
    out.set(data.subarray(indices[i] * classes, (indices[i] + 1) * classes), i * classes);
  }
  return tensor('float32', [indices.length, classes], out);
}
