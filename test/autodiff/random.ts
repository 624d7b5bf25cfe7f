import { elementCount, type RefTensor, type Tensor, tensor } from '../../src/graph/tensor.js';

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Uniform in [low, high). */
export function randomTensor(random: () => number, shape: readonly number[], low = -1, high = 1): Tensor<'float32'> {
  return tensor(
    'float32',
    shape,
    Array.from({ length: elementCount(shape) }, () => low + (high - low) * random()),
  );
}

export function randomRef(random: () => number, shape: readonly number[]): RefTensor {
  return { dtype: 'float32', shape, data: Float64Array.from({ length: elementCount(shape) }, () => 2 * random() - 1) };
}
