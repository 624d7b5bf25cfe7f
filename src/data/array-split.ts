import { EspalierError } from '../errors.js';
import { type Tensor, tensor } from '../graph/tensor.js';
import { type NamedArray, readLabels } from './labels.js';
import type { RawData } from './npy.js';
import { type Batch, resolveScaling, type Scaling, type Split } from './split.js';

/**
 * A split over whole arrays in memory: they stay in their own element type until a batch is asked for.
 * @param x `[n, …sample]`
 * @param labels `[n, …]`, by the name of the output that they are for; `''` where none is named
 * @throws EspalierError DATASET_INVALID, DATASET_NOT_FINITE, LABELS_INVALID, naming the array
 */
export function arraySplit(x: NamedArray, labels: ReadonlyMap<string, NamedArray>): Split {
  if (x.shape.length < 2) {
    throw new EspalierError('DATASET_INVALID', `${x.name} has shape [${x.shape}]; samples and their values are needed`);
  }
  if (x.data.length === 0) throw new EspalierError('DATASET_INVALID', `${x.name} is empty: shape [${x.shape}]`);
  const count = x.shape[0];
  for (const y of labels.values()) {
    if (y.shape[0] === count) continue;
    throw new EspalierError('DATASET_INVALID', `${x.name} has ${count} samples, ${y.name} has ${y.shape[0] ?? 'none'}`);
  }
  for (const array of [x, ...labels.values()]) checkFinite(array);
  const read = new Map([...labels].map(([output, y]) => [output, readLabels(y)]));
  const inputShape = x.shape.slice(1);
  return {
    count,
    inputShape,
    dtype: x.dtype,
    labels: new Map([...read].map(([output, array]) => [output, array.labels])),
    batch: async (indices, scaling): Promise<Batch> => ({
      x: gatherScaled(x, inputShape, indices, scaling),
      labels: new Map([...read].map(([output, array]) => [output, array.gather(indices)])),
    }),
  };
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
