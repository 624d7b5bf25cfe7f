import { getExtent } from '../../graph/dims.js';
import type { Node } from '../../graph/graph.js';
import type { StepBuilder } from '../step-builder.js';
import type { GradientRule } from './gradient-rule.js';
import { knownExtents, reshapeTo, sumToShape } from './reshaping.js';

/** y = α·A·B + β·c, where A and B are a and b, transposed or not. */
export const gemmGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [a, w, c] = node.inputs;
  const { alpha = 1, beta = 1 } = node.attrs;
  const transA = Number(node.attrs.transA ?? 0);
  const transB = Number(node.attrs.transB ?? 0);
  const gemm = (left: string, right: string, flags: { transA: number; transB: number }): string =>
    b.op('Gemm', [left, right], { ...flags, alpha });
  const biasGradient = (): string => {
    const sum = sumToShape(b, dy, b.shape(c));
    return beta === 1 ? sum : b.op('Mul', [sum, b.scalar(Number(beta), dy)]);
  };
  return [
    needs(0)
      ? transA
        ? gemm(w, dy, { transA: transB, transB: 1 })
        : gemm(dy, w, { transA: 0, transB: 1 - transB })
      : undefined,
    needs(1)
      ? transB
        ? gemm(dy, a, { transA: 1, transB: transA })
        : gemm(a, dy, { transA: 1 - transA, transB: 0 })
      : undefined,
    needs(2) ? biasGradient() : undefined,
  ];
};

/**
 * y = a·w with NumPy's batching. Vectors are matrices with an axis of 1 meanwhile; axes along which one side was
 * broadcast are summed.
 */
export const matMulGradient: GradientRule = (node, dy, { builder: b, needs }) => {
  const [a, w] = node.inputs;
  const matrixA = asMatrix(b, node, a, 0);
  const matrixB = asMatrix(b, node, w, 1);
  const shape = [...b.shape(dy)];
  if (b.shape(w).length === 1) shape.push(1);
  if (b.shape(a).length === 1) shape.splice(shape.length - 1, 0, 1);
  const gradient = reshapeTo(b, node, dy, shape);
  const back = (value: string, of: string, matrix: string): string =>
    reshapeTo(b, node, sumToShape(b, value, b.shape(matrix)), b.shape(of));
  return [
    needs(0) ? back(b.op('MatMul', [gradient, swapLast(b, matrixB)]), a, matrixA) : undefined,
    needs(1) ? back(rightGradient(b, matrixA, matrixB, gradient), w, matrixB) : undefined,
  ];
};

/** Aᵀ·dY. A batch that meets one shared matrix becomes rows of one product: no sum over a batch of matrices. */
function rightGradient(b: StepBuilder, a: string, w: string, dy: string): string {
  const shape = b.shape(a);
  const rows = (value: string): string => {
    const columns = getExtent(b.shape(value), -1);
    return b.op('Reshape', [value], { shape: [-1, columns] });
  };
  const columnsKnown = typeof shape.at(-1) === 'number' && typeof b.shape(dy).at(-1) === 'number';
  if (shape.length > 2 && b.shape(w).length === 2 && columnsKnown) {
    return b.op('Gemm', [rows(a), rows(dy)], { transA: 1 });
  }
  return b.op('MatMul', [swapLast(b, a), dy]);
}

function asMatrix(b: StepBuilder, node: Node, value: string, axis: 0 | 1): string {
  const shape = b.shape(value);
  if (shape.length > 1) return value;
  const [extent] = knownExtents(node, shape);
  return b.op('Reshape', [value], { shape: axis === 0 ? [1, extent] : [extent, 1] });
}

function swapLast(b: StepBuilder, value: string): string {
  const perm = b.shape(value).map((_, i) => i);
  const rank = perm.length;
  perm.splice(rank - 2, 2, rank - 1, rank - 2);
  return b.op('Transpose', [value], { perm });
}
