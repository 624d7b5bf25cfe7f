import { EspalierError } from '../errors.js';
import { elementCount, type Tensor, tensor } from '../graph/tensor.js';
import type { NpyArray } from './npy.js';

/** What an array of labels holds; what it means, the model's output and the loss say. */
export interface Labels {
  /**
   * `index`: whole numbers from 0, -1 for none where there are several to a sample. `one_hot`: `[n, classes]` of rows
   * that sum to 1. `values`: any other numbers.
   */
  readonly kind: 'index' | 'one_hot' | 'values';
  /** For `index` one more than the largest label, for `one_hot` the columns. */
  readonly classes: number | null;
  /** Of one sample's labels, without axes of 1 at the end: `[]` for one number. */
  readonly shape: readonly number[];
  readonly whole: boolean;
  readonly least: number;
  readonly largest: number;
  /** Why these are no class numbers, or no distributions: for errors. */
  readonly odd?: string;
}

export interface NamedArray extends NpyArray {
  readonly name: string;
}

/** Labels that can be read in any order: int32 for `index`, else float32, `[n, …shape]`. */
export interface LabelArray {
  readonly labels: Labels;
  gather(indices: ArrayLike<number>): Tensor;
}

/** Looks at an array of labels. @throws EspalierError LABELS_INVALID for one without values */
export function readLabels(y: NamedArray): LabelArray {
  const shape = withoutTrailingOnes(y.shape.slice(1));
  const width = elementCount(shape);
  if (y.data.length === 0) throw new EspalierError('LABELS_INVALID', `${y.name} is empty: shape [${y.shape}]`);
  const labels = describe(y, shape);
  const of = y.data as ArrayLike<number | bigint>;
  return {
    labels,
    gather(indices) {
      const dtype = labels.kind === 'index' ? 'int32' : 'float32';
      const data =
        dtype === 'int32' ? new Int32Array(indices.length * width) : new Float32Array(indices.length * width);
      for (let i = 0; i < indices.length; i++) {
        const from = indices[i] * width;
        for (let k = 0; k < width; k++) data[i * width + k] = Number(of[from + k]);
      }
      return tensor(dtype, [indices.length, ...shape], data);
    },
  };
}

function withoutTrailingOnes(shape: readonly number[]): number[] {
  const last = shape.findLastIndex((extent) => extent !== 1);
  return shape.slice(0, last + 1);
}

function describe(y: NamedArray, shape: readonly number[]): Labels {
  const data = y.data as ArrayLike<number | bigint>;
  let [least, largest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let odd = -1;
  const lowest = shape.length === 0 ? 0 : -1;
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    if (value < least) least = value;
    if (value > largest) largest = value;
    if (odd < 0 && !(Number.isInteger(value) && value >= lowest && value < 2 ** 31 - 1)) odd = i;
  }
  const range = { shape, least, largest, whole: odd < 0 || allWhole(data) };
  if (shape.length === 1 && shape[0] > 1) {
    const fault = noDistribution(y, shape[0]);
    if (fault === undefined) return { kind: 'one_hot', classes: shape[0], ...range };
    return { kind: 'values', classes: null, ...range, odd: fault };
  }
  if (odd < 0) return { kind: 'index', classes: largest + 1, ...range };
  const at = `${y.name}[${y.shape.length === 1 ? odd : Math.floor(odd / elementCount(y.shape.slice(1)))}]`;
  return { kind: 'values', classes: null, ...range, odd: `${at} is ${data[odd]}; class numbers are whole, from 0` };
}

function allWhole(data: ArrayLike<number | bigint>): boolean {
  for (let i = 0; i < data.length; i++) if (!Number.isInteger(Number(data[i]))) return false;
  return true;
}

function noDistribution(y: NamedArray, classes: number): string | undefined {
  const data = y.data as ArrayLike<number | bigint>;
  for (let row = 0; row < data.length / classes; row++) {
    let sum = 0;
    let least = 0;
    for (let c = 0; c < classes; c++) {
      const value = Number(data[row * classes + c]);
      sum += value;
      least = Math.min(least, value);
    }
    if (least < 0 || Math.abs(sum - 1) > 1e-3) {
      return `${y.name}[${row}] is no probability distribution over ${classes} classes: its sum is ${sum}, its least ${least}`;
    }
  }
  return undefined;
}
