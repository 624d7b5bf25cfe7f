import type { Dim, TensorSpec } from '../../src/graph/graph.js';
import { type DType, elementCount, type Tensor, tensor } from '../../src/graph/tensor.js';
import { seededRandom } from '../support/seeded-random.js';

/** Seeded random numbers and tensors, for tests that must repeat. */
export class Random {
  /** From 0 to below 1. */
  readonly unit: () => number;

  constructor(seed: number) {
    this.unit = seededRandom(seed);
  }

  /** A whole number from `least` to `most`, both included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.unit() * (most - least + 1));
  }

  ints(count: number, least: number, most: number): number[] {
    return Array.from({ length: count }, () => this.int(least, most));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.int(0, choices.length - 1)];
  }

  floats(count: number, least: number, most: number): number[] {
    return Array.from({ length: count }, () => least + this.unit() * (most - least));
  }

  shuffled<T>(values: readonly T[]): T[] {
    const out = [...values];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  /** Floats in [-1, 1) and small whole numbers, or with `wide` large ones too; symbolic dimensions take `batch`. */
  tensor(spec: TensorSpec, batch: number, wide?: Wide): Tensor {
    const shape = concrete(spec.shape, batch);
    const count = elementCount(shape);
    const most = wide?.[spec.dtype];
    return tensor(spec.dtype, shape, most ? this.ints(count, ...most) : RANGES[spec.dtype](this, count));
  }
}

/** Ranges of whole numbers, by dtype. */
export type Wide = Partial<Readonly<Record<DType, readonly [least: number, most: number]>>>;

const RANGES: Readonly<Record<DType, (random: Random, count: number) => number[]>> = {
  float32: (random, count) => random.floats(count, -1, 1),
  float64: (random, count) => random.floats(count, -1, 1),
  int32: (random, count) => random.ints(count, -3, 9),
  int64: (random, count) => random.ints(count, -3, 9),
  uint8: (random, count) => random.ints(count, 0, 9),
  bool: (random, count) => random.ints(count, 0, 1),
};

export function concrete(shape: readonly Dim[], batch: number): number[] {
  return shape.map((d) => (typeof d === 'number' ? d : batch));
}
