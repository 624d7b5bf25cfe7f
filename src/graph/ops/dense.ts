import { FIXED } from '../channels.js';
import { countedElements, formatShape } from '../dims.js';
import type { Node, Shape, TensorSpec } from '../graph.js';
import { type Cost, type CostInput, OpError, type OpSpec } from '../op-spec.js';
import { elementCount, type RefTensor } from '../tensor.js';
import { flagAttr, numberAttr } from './attributes.js';
import { broadcastChannels, broadcastOffsets, broadcastRows, broadcastShapes } from './broadcast.js';
import { expectDType, expectFloat, expectMinRank, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { channelReason } from './reasons.js';

const gemm: OpSpec = {
  op: 'Gemm',
  inputs: [2, 3],
  neutral: 0,
  mixes: (node) => [gemmAxes(node).innerA],
  filters: { input: 1, axis: (node) => gemmAxes(node).columns },
  byRows: (node, inputs, output) =>
    inputs.map(({ length, 0: rows }, i) => {
      return gemmAxes(node).rows === 0 && (i === 0 || (i === 2 && length === 2 && rows === output[0]));
    }),

  infer(x) {
    const { node } = x;
    const a = requiredInput(x, 0, 'a');
    const b = requiredInput(x, 1, 'b');
    expectFloat(node, a, 'a');
    expectDType(node, b, a.dtype, 'b');
    for (const [spec, what] of [[a, 'a'] as const, [b, 'b'] as const]) {
      if (spec.shape.length !== 2) throw new OpError(node, `${what} needs 2 axes, got ${formatShape(spec.shape)}`);
    }
    const { rows, innerA, innerB, columns } = gemmAxes(node);
    if (a.shape[innerA] !== b.shape[innerB]) throw contractionFault(node, a.shape, b.shape);
    const shape = [a.shape[rows], b.shape[columns]];
    const c = x.inputs[2];
    if (c) {
      expectDType(node, c, a.dtype, 'c');
      const joint = broadcastShapes(node, [c.shape, shape]);
      if (joint.length !== 2 || joint.some((d, i) => d !== shape[i])) {
        throw new OpError(node, `c of shape ${formatShape(c.shape)} does not broadcast to ${formatShape(shape)}`);
      }
    }
    return [outputSpec(node, a.dtype, shape)];
  },

  channels(node, ctx) {
    const { rows, innerA, innerB, columns } = gemmAxes(node);
    const a = ctx.input(0);
    const b = ctx.input(1);
    ctx.tie(a[innerA], b[innerB]);
    const product = { shape: ctx.outputShape(0), axes: [a[rows], b[columns]] };
    const operands = ctx.hasInput(2) ? [product, { shape: ctx.inputShape(2), axes: ctx.input(2) }] : [product];
    ctx.setOutput(0, broadcastChannels(node, ctx, operands, product.shape));
  },

  cost(x) {
    return productCost(x, gemmAxes(x.node).innerA);
  },

  parametric(node, inputs) {
    return isWeight(inputs[1]) ? { input: gemmAxes(node).innerA, output: 1, passThrough: false } : undefined;
  },

  evaluate(node, inputs) {
    const a = requiredTensor(node, inputs, 0);
    const b = requiredTensor(node, inputs, 1);
    const { rows, innerA, innerB, columns } = gemmAxes(node);
    const [m, k, n] = [a.shape[rows], a.shape[innerA], b.shape[columns]];
    const data = new Float64Array(m * n);
    const left = rows === 0 ? a.data : transposed(a.data, k, m);
    const right = innerB === 0 ? b.data : transposed(b.data, n, k);
    addProduct(left, 0, right, 0, data, 0, m, k, n);
    const alpha = numberAttr(node, 'alpha', 1);
    for (let i = 0; i < data.length; i++) data[i] *= alpha;
    const c = inputs[2];
    if (c) {
      const beta = numberAttr(node, 'beta', 1);
      const offsets = broadcastOffsets(c.shape, [m, n]);
      for (let i = 0; i < data.length; i++) data[i] += beta * c.data[offsets[i]];
    }
    return [{ dtype: a.dtype, shape: [m, n], data }];
  },
};

const matMul: OpSpec = {
  op: 'MatMul',
  inputs: [2, 2],
  neutral: 0,
  mixes: (_node, rank) => [rank - 1],
  filters: { input: 1, axis: (_node, rank) => rank - 1 },
  byRows: (node, inputs, output) =>
    output.length > 2 ? broadcastRows(node, inputs, output) : [inputs[0].length === 2, false],

  infer(x) {
    const { node } = x;
    const a = requiredInput(x, 0, 'a');
    const b = requiredInput(x, 1, 'b');
    expectFloat(node, a, 'a');
    expectDType(node, b, a.dtype, 'b');
    expectMinRank(node, a, 1, 'a');
    expectMinRank(node, b, 1, 'b');
    if (a.shape.at(-1) !== b.shape[innerAxisOfB(b.shape)]) throw contractionFault(node, a.shape, b.shape);
    const batch = broadcastShapes(node, [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
    return [outputSpec(node, a.dtype, [...batch, ...matrixAxes(a.shape, b.shape)])];
  },

  channels(node, ctx) {
    const [a, b] = [ctx.input(0), ctx.input(1)];
    const [shapeA, shapeB] = [ctx.inputShape(0), ctx.inputShape(1)];
    const innerA = a[a.length - 1];
    const innerB = b[innerAxisOfB(shapeB)];
    ctx.tie(innerA, innerB);
    const batchShape = ctx.outputShape(0).slice(0, Math.max(a.length, b.length, 2) - 2);
    const operands = [
      { shape: shapeA.slice(0, -2), axes: a.slice(0, -2) },
      { shape: shapeB.slice(0, -2), axes: b.slice(0, -2) },
    ];
    // What a matrix from the left mixes are places (a linear resize): its rows are places too, which stay.
    const rows = ctx.isLiteral(0) && a.length > 1 ? a.with(-2, FIXED) : a;
    if (rows !== a) ctx.freeze(a[a.length - 2], channelReason('FIXED_PART', node));
    ctx.setOutput(0, [...broadcastChannels(node, ctx, operands, batchShape), ...matrixAxes(rows, b)]);
  },

  cost(x) {
    return productCost(x, -1);
  },

  parametric(_node, inputs) {
    const [a, b] = inputs;
    if (!isWeight(b) || b!.shape.length !== 2) return undefined;
    return { input: a!.shape.length - 1, output: a!.shape.length - 1, passThrough: false };
  },

  evaluate(node, inputs) {
    const a = requiredTensor(node, inputs, 0);
    const b = requiredTensor(node, inputs, 1);
    const shapeA = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
    const shapeB = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
    const [m, k] = shapeA.slice(-2);
    const n = shapeB[shapeB.length - 1];
    const batch = broadcastShapes(node, [shapeA.slice(0, -2), shapeB.slice(0, -2)]);
    const atA = broadcastOffsets(shapeA.slice(0, -2), batch);
    const atB = broadcastOffsets(shapeB.slice(0, -2), batch);
    const data = new Float64Array(elementCount(batch) * m * n);
    for (let i = 0; i < atA.length; i++) {
      addProduct(a.data, atA[i] * m * k, b.data, atB[i] * k * n, data, i * m * n, m, k, n);
    }
    const result: RefTensor = { dtype: a.dtype, shape: [...batch, ...matrixAxes(a.shape, b.shape)], data };
    return [result];
  },
};

/** Which axis of `a` holds the rows and which is contracted, and of `b` which is contracted and which holds columns. */
function gemmAxes(node: Node): { rows: number; innerA: number; innerB: number; columns: number } {
  const transA = flagAttr(node, 'transA', false);
  const transB = flagAttr(node, 'transB', false);
  return { rows: transA ? 1 : 0, innerA: transA ? 0 : 1, innerB: transB ? 1 : 0, columns: transB ? 0 : 1 };
}

function innerAxisOfB(b: Shape): number {
  return Math.max(0, b.length - 2);
}

/** The last axes of a product, from those of its factors: a vector has no row, or no column. */
function matrixAxes<T>(a: readonly T[], b: readonly T[]): T[] {
  return [...(a.length > 1 ? [a[a.length - 2]] : []), ...(b.length > 1 ? [b[b.length - 1]] : [])];
}

/** A second factor without a batch is a weight; whether its data are known is for the graph to say. */
function isWeight(spec: TensorSpec | undefined): boolean {
  return spec?.shape.every((d) => typeof d === 'number') ?? false;
}

/** The original counts a Linear's products without its bias, and products of two activations not at all. */
function productCost({ inputs, outputs, isWeight }: CostInput, innerAxis: number): Cost {
  const macs = countedElements(outputs[0].shape) * countedElements([inputs[0]!.shape.at(innerAxis)!]);
  return { macs, mmrazor: isWeight(1) ? macs : 0 };
}

function contractionFault(node: Node, a: Shape, b: Shape): OpError {
  return new OpError(node, `shapes ${formatShape(a)} and ${formatShape(b)} have no equal inner extents`);
}

/** `out[m, n] += left[m, k] · right[k, n]`, each at an offset of its row-major data. */
function addProduct(
  left: Float64Array,
  leftAt: number,
  right: Float64Array,
  rightAt: number,
  out: Float64Array,
  outAt: number,
  m: number,
  k: number,
  n: number,
): void {
  for (let row = 0; row < m; row++) {
    const to = outAt + row * n;
    for (let inner = 0; inner < k; inner++) {
      const factor = left[leftAt + row * k + inner];
      const from = rightAt + inner * n;
      for (let column = 0; column < n; column++) out[to + column] += factor * right[from + column];
    }
  }
}

/** The transpose of row-major data of `rows` × `columns`. */
function transposed(data: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c];
  return out;
}

export const DENSE_OPS: readonly OpSpec[] = [gemm, matMul];
