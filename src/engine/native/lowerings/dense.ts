import type { Node } from '../../../graph/graph.js';
import { flagAttr, numberAttr } from '../../../graph/ops/attributes.js';
import { Expression } from '../plan/expression.js';
import { emitMap } from '../plan/map.js';
import type { Planner } from '../plan/planner.js';
import { broadcastView, collapse, denseStrides, isDense, plainOrder, type View } from '../plan/view.js';
import { activationFields } from './activation.js';
import type { LoweringTable } from './lowering.js';

/** A matrix as es_gemm takes it: row-major with rows `lead` apart, or the transpose of one. */
interface Matrix {
  readonly view: View;
  readonly transposed: boolean;
  readonly lead: number;
}

/** The last two axes of a view as a matrix; copied where neither runs on. */
function asMatrix(planner: Planner, operand: View): Matrix {
  const [rows, columns] = operand.shape.slice(-2);
  const [down, across] = operand.strides.slice(-2);
  if ((across === 1 || columns === 1) && (down >= columns || rows === 1)) {
    return { view: operand, transposed: false, lead: rows === 1 ? columns : down };
  }
  if ((down === 1 || rows === 1) && (across >= rows || columns === 1)) {
    return { view: operand, transposed: true, lead: columns === 1 ? rows : across };
  }
  const view = planner.plain(operand);
  return { view, transposed: false, lead: columns };
}

/** y = op(a)·op(b) (+ bias + residual, rectified) for matrices, over the axes before, which y has. */
function multiply(
  planner: Planner,
  operands: { a: View; b: View; y: View; bias?: View; residual?: View },
  transposes: { a: boolean; b: boolean },
  activation: { relu: number; relu_max: number } = { relu: 0, relu_max: 0 },
): void {
  const { y, bias, residual } = operands;
  const [a, b] = [asMatrix(planner, operands.a), asMatrix(planner, operands.b)];
  const [m, n] = y.shape.slice(-2);
  const k = operands.a.shape.at(transposes.a ? -2 : -1)!;
  const batch = y.shape.slice(0, -2);
  const steps = [a.view, b.view, y].map((view) => {
    const lead = { ...view, shape: view.shape.slice(0, -2), strides: view.strides.slice(0, -2) };
    return broadcastView(lead, batch).strides;
  });
  const { dims, strides } = collapse(batch, steps);
  const fields = {
    ...{ m, n, k },
    ta: transposes.a !== a.transposed ? 1 : 0,
    tb: transposes.b !== b.transposed ? 1 : 0,
    ...{ lda: a.lead, ldb: b.lead, ldc: n },
    ...activation,
    rank: dims.length,
  };
  planner.emit('gemm', { a: a.view, b: b.view, bias, residual, y }, fields, {
    lists: { dims, steps: strides.flat() },
    inPlace: [[residual, y]],
  });
}

/** The bias of every column, where c is that. */
function columnBias(planner: Planner, c: View, columns: number): View | undefined {
  const isRow = c.shape.at(-1) === columns && c.shape.slice(0, -1).every((extent) => extent === 1);
  return isRow ? planner.plain(c) : undefined;
}

/** α·product + β·c, where they are no epilogue of the product. */
function combine(planner: Planner, node: Node, product: View, c: string | undefined): void {
  const [alpha, beta] = [numberAttr(node, 'alpha', 1), numberAttr(node, 'beta', 1)];
  const e = new Expression();
  const name = `${node.name}/product`;
  planner.define(name, product);
  let result = e.op('mul', e.read(name), e.literal(alpha));
  if (c !== undefined) result = e.op('add', e.op('mul', e.read(c), e.literal(beta)), result);
  e.results.set(node.outputs[0], result);
  const { shape } = product;
  emitMap(planner, { kind: 'map', shape, wide: false, expression: e, outputs: [node.outputs[0]], nodes: [node] });
}

export const PRODUCTS: LoweringTable = {
  Gemm(planner, node) {
    const [a, b] = [0, 1].map((i) => planner.view(node.inputs[i]));
    const transposes = { a: flagAttr(node, 'transA', false), b: flagAttr(node, 'transB', false) };
    const { shape } = planner.spec(node.outputs[0]);
    const c = node.inputs[2] || undefined;
    const isPlain = numberAttr(node, 'alpha', 1) === 1 && numberAttr(node, 'beta', 1) === 1;
    const bias = c === undefined ? undefined : columnBias(planner, planner.view(c), shape[1]);
    if (isPlain && (c === undefined || bias)) {
      multiply(planner, { a, b, bias, y: planner.result(node) }, transposes, activationFields(node));
      return;
    }
    const y = planner.allocate('float32', shape, plainOrder(2));
    multiply(planner, { a, b, y }, transposes);
    combine(planner, node, y, c);
  },

  MatMul(planner, node) {
    const [a, b] = [0, 1].map((i) => planner.view(node.inputs[i]));
    const matrixA = a.shape.length === 1 ? broadcastView(a, [1, ...a.shape]) : a;
    const matrixB = b.shape.length === 1 ? { ...b, shape: [...b.shape, 1], strides: [...b.strides, 1] } : b;
    const y = planner.result(node);
    const k = matrixA.shape.at(-1)!;
    const n = matrixB.shape.at(-1)!;
    // Rows of one product, where all meet the same matrix.
    if (matrixB.shape.length === 2 && isDense(matrixA, plainOrder(matrixA.shape.length))) {
      const m = y.shape.reduce((product, extent) => product * extent, 1) / n;
      const rows = (view: View, columns: number): View => ({ ...view, shape: [m, columns], strides: [columns, 1] });
      multiply(planner, { a: rows(matrixA, k), b: matrixB, y: rows(y, n) }, { a: false, b: false });
      return;
    }
    const batch = Math.max(matrixA.shape.length, matrixB.shape.length) - 2;
    const shape = [...y.shape.slice(0, batch), matrixA.shape.at(-2)!, n];
    const matrices = { ...y, shape, strides: denseStrides(shape, plainOrder(shape.length)) };
    multiply(planner, { a: matrixA, b: matrixB, y: matrices }, { a: false, b: false });
  },
};
