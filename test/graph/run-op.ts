import type { Attrs, Node, Shape, TensorSpec } from '../../src/graph/graph.js';
import { getOp } from '../../src/graph/ops/index.js';
import { type DType, elementCount, type RefTensor } from '../../src/graph/tensor.js';

export function ref(shape: readonly number[], data: readonly number[], dtype: DType = 'float32'): RefTensor {
  if (data.length !== elementCount(shape)) throw new Error(`[${shape}] is not ${data.length} elements`);
  return { dtype, shape, data: Float64Array.from(data) };
}

/** 1, 2, 3, … */
export function counting(shape: readonly number[]): RefTensor {
  return ref(
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => i + 1),
  );
}

/** One node named `n` of layer `block1/layer`. */
export function nodeOf(op: string, attrs: Attrs, inputCount: number): Node {
  const inputs = Array.from({ length: inputCount }, (_, i) => `in${i}`);
  return { name: 'n', op, attrs, inputs, outputs: ['out'], layer: 'block1/layer' };
}

/** Infers and evaluates one op, and checks that both give the same shape and dtype. */
export function runOp(op: string, attrs: Attrs, inputs: readonly RefTensor[]): RefTensor {
  const node = nodeOf(op, attrs, inputs.length);
  const [spec] = getOp(op).infer({ node, inputs, constant: () => undefined });
  const [result] = getOp(op).evaluate(node, inputs);
  if (JSON.stringify(spec.shape) !== JSON.stringify(result.shape) || spec.dtype !== result.dtype) {
    throw new Error(`inferred ${spec.dtype} [${spec.shape}], computed ${result.dtype} [${result.shape}]`);
  }
  if (result.data.length !== elementCount(result.shape)) throw new Error(`[${result.shape}]: ${result.data.length}`);
  return result;
}

export function inferOp(op: string, attrs: Attrs, shapes: readonly Shape[], dtypes: readonly DType[] = []): TensorSpec {
  const inputs = shapes.map((shape, i): TensorSpec => ({ dtype: dtypes[i] ?? 'float32', shape }));
  return getOp(op).infer({ node: nodeOf(op, attrs, shapes.length), inputs, constant: () => undefined })[0];
}
