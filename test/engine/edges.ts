import type { TensorSpec } from '../../src/graph/graph.js';
import { type DType, type Tensor, tensor } from '../../src/graph/tensor.js';
import { ELEMENTWISE_CASES } from './elementwise-cases.js';
import type { Random } from './random.js';

/** What is no number, or infinite, both zeros, and where whole numbers wrap around. */
const EDGES: Readonly<Record<DType, readonly number[]>> = {
  float32: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -2.5],
  float64: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -2.5],
  int32: [-(2 ** 31), 2 ** 31 - 1, -1, 0, 3],
  // Products are exact in float64.
  int64: [-(2 ** 26), 2 ** 26, -1, 0, 3],
  uint8: [0, 255, 1, 128],
  bool: [0, 1],
};

/**
 * Ops whose results at the edges of a dtype are settled: those that add products differ by the order in which they do, and the
 * quotient of the least whole number and -1 ends onnxruntime's process.
 */
export const OPS_WITH_EDGES: ReadonlySet<string> = new Set([
  ...Object.keys(ELEMENTWISE_CASES).filter((op) => op !== 'Div'),
  ...['Softmax', 'LogSoftmax', 'ReduceMax', 'ReduceSum', 'ArgMax', 'MaxPool', 'GlobalMaxPool'],
]);

/** A feed of nothing but edges. */
export function edgesOf(random: Random, spec: TensorSpec, batch: number): Tensor {
  const { dtype, shape, data } = random.tensor(spec, batch);
  return tensor(
    dtype,
    shape,
    Array.from({ length: data.length }, () => random.pick(EDGES[dtype])),
  );
}
