import { EspalierError } from '../../errors.js';
import type { Dim } from '../../graph/graph.js';
import { type DType, elementCount, type Tensor, tensor } from '../../graph/tensor.js';
import { wholeNumber } from './attributes.js';

/** Larger ones are weights, not shapes: their entries are never looked at one by one. */
const MOST_ENTRIES = 4096;

/**
 * A value whose data are known when the model is read: a tensor of the file, a view of one, or what shape arithmetic
 * gives. Entries may be symbolic, as the batch in the shape of an activation is.
 */
export class Known {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** It is, or is a view of, a tensor that training may change and pruning may slice. */
  readonly isWeight: boolean;
  readonly #make: (() => Tensor) | undefined;
  #tensor: Tensor | undefined;
  #entries: readonly Dim[] | undefined;

  private constructor(
    spec: { dtype: DType; shape: readonly number[]; isWeight?: boolean },
    data: { make?: () => Tensor; entries?: readonly Dim[] },
  ) {
    this.dtype = spec.dtype;
    this.shape = spec.shape;
    this.isWeight = spec.isWeight ?? false;
    this.#make = data.make;
    this.#entries = data.entries;
  }

  /** Its data are made when they are first asked for. */
  static tensor(dtype: DType, shape: readonly number[], isWeight: boolean, make: () => Tensor): Known {
    return new Known({ dtype, shape, isWeight }, { make });
  }

  static entries(dtype: DType, shape: readonly number[], entries: readonly Dim[]): Known {
    return new Known({ dtype, shape }, { entries });
  }

  get size(): number {
    return elementCount(this.shape);
  }

  /** The same data in another shape of equal size, or as another type that holds the same numbers. */
  as(shape: readonly number[], dtype = this.dtype): Known {
    if (this.#entries) return Known.entries(dtype, shape, this.#entries);
    return Known.tensor(dtype, shape, this.isWeight, () => ({ dtype, shape, data: this.tensor.data }) as Tensor);
  }

  /** @throws EspalierError LAYER_UNSUPPORTED when an entry is symbolic */
  get tensor(): Tensor {
    if (this.#tensor) return this.#tensor;
    if (this.#make) this.#tensor = this.#make();
    else {
      const numbers = this.#entries!.map((entry) => {
        if (typeof entry === 'number') return entry;
        throw new EspalierError('LAYER_UNSUPPORTED', `the model computes with the extent ${entry}, which is not known`);
      });
      this.#tensor = tensor(this.dtype, this.shape, numbers);
    }
    return this.#tensor;
  }

  /** The elements in row-major order; undefined for more than a few thousand. */
  get entries(): readonly Dim[] | undefined {
    if (this.#entries) return this.#entries;
    if (this.size > MOST_ENTRIES) return undefined;
    const { data } = this.tensor;
    this.#entries = data instanceof BigInt64Array ? Array.from(data, wholeNumber) : Array.from(data as Float32Array);
    return this.#entries;
  }

  /** The elements, where all of them are numbers. */
  get numbers(): readonly number[] | undefined {
    const { entries } = this;
    return entries?.every((entry) => typeof entry === 'number') ? entries : undefined;
  }
}
