import { elementCount, type RefTensor, type Tensor, tensor } from '../../src/graph/tensor.js';

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
