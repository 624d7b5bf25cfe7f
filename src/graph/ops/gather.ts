import { FIXED } from '../channels.js';
import { formatShape } from '../dims.js';
import type { Node, TensorSpec } from '../graph.js';
import { type InferInput, OpError, type OpSpec } from '../op-spec.js';
import { elementCount } from '../tensor.js';
import { indicesInto, PASSED_ON } from '../value-range.js';
import { intAttr } from './attributes.js';
import { expectFloat, knownDim, normalizeAxis, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { channelReason } from './reasons.js';

function indicesOf(x: InferInput): TensorSpec {
  const indices = requiredInput(x, 1, 'indices');
  if (indices.dtype !== 'int32' && indices.dtype !== 'int64') {
    throw new OpError(x.node, `indices must be int32 or int64, got ${indices.dtype}`);
  }
  return indices;
}

function gatherAxisOf(node: Node, rank: number): number {
  return normalizeAxis(node, intAttr(node, 'axis', 0), rank);
}

/** An index of an axis; negative ones count from its end. */
function wrapped(node: Node, index: number, extent: number): number {
  const at = index < 0 ? index + extent : index;
  if (!(at >= 0 && at < extent)) throw new OpError(node, `index ${index} is out of range for an extent of ${extent}`);
  return at;
}

/** What the indices say is taken of one axis. With a table of weights `[rows, channels]` it is an embedding. */
const gather: OpSpec = {
  op: 'Gather',
  inputs: [2, 2],
  looksUp: true,
  mixes: (node, rank) => [gatherAxisOf(node, rank)],
  /** Of an embedding: the columns of its table. */
  filters: { input: 0, axis: () => 1 },
  byRows(node, [{ length }]) {
    const ofIndices = gatherAxisOf(node, length) === 0;
    return [!ofIndices, ofIndices];
  },

  infer(x) {
    const data = requiredInput(x, 0, 'data');
    const indices = indicesOf(x);
    const axis = gatherAxisOf(x.node, data.shape.length);
    return [outputSpec(x.node, data.dtype, data.shape.toSpliced(axis, 1, ...indices.shape))];
  },

  /** Which index means which row is settled outside of the graph, so rows stay. */
  channels(node, ctx) {
    const data = ctx.input(0);
    const axis = gatherAxisOf(node, data.length);
    ctx.tie(data[axis], FIXED, channelReason('INDEXED_AXIS', node));
    // Indices that are the model's own are places of a list, which stay.
    const places = ctx.input(1).map((indices) => {
      if (!ctx.isLiteral(1)) return indices;
      ctx.freeze(indices, channelReason('FIXED_PART', node));
      return FIXED;
    });
    ctx.setOutput(0, data.toSpliced(axis, 1, ...places));
  },

  wants({ node, inputs }, i) {
    if (i === 0) return PASSED_ON;
    const shape = inputs[0]!.shape;
    const extent = shape[gatherAxisOf(node, shape.length)];
    return indicesInto(typeof extent === 'number' ? extent : 1);
  },

  parametric(node, inputs) {
    const [table, indices] = [inputs[0]!.shape, inputs[1]!.shape];
    const isTable = table.length === 2 && table.every((d) => typeof d === 'number');
    if (!isTable || gatherAxisOf(node, 2) !== 0) return undefined;
    return { input: 0, output: indices.length, passThrough: false };
  },

  evaluate(node, inputs) {
    const [data, indices] = [0, 1].map((i) => requiredTensor(node, inputs, i));
    const axis = gatherAxisOf(node, data.shape.length);
    const extent = data.shape[axis];
    const inner = elementCount(data.shape.slice(axis + 1));
    const shape = data.shape.toSpliced(axis, 1, ...indices.shape);
    const out = new Float64Array(elementCount(shape));
    const count = indices.data.length;
    for (let o = 0; o < elementCount(data.shape.slice(0, axis)); o++) {
      for (let i = 0; i < count; i++) {
        const from = (o * extent + wrapped(node, indices.data[i], extent)) * inner;
        out.set(data.data.subarray(from, from + inner), (o * count + i) * inner);
      }
    }
    return [{ dtype: data.dtype, shape, data: out }];
  },
};

/** The gradient by a table: each row sums the gradients of the places that took it. */
const gatherGrad: OpSpec = {
  op: 'GatherGrad',
  inputs: [2, 2],
  training: true,
  looksUp: true,

  infer(x) {
    const dy = requiredInput(x, 0, 'dy');
    const { shape } = indicesOf(x);
    expectFloat(x.node, dy, 'dy');
    const lead = dy.shape.slice(0, shape.length);
    if (formatShape(lead) !== formatShape(shape)) {
      throw new OpError(
        x.node,
        `dy of shape ${formatShape(dy.shape)} must begin as the indices, ${formatShape(shape)}`,
      );
    }
    const row = dy.shape.slice(shape.length).map((d) => knownDim(x.node, d, 'the shape of a row'));
    return [outputSpec(x.node, dy.dtype, [intAttr(x.node, 'rows', 0), ...row])];
  },

  evaluate(node, inputs) {
    const [dy, indices] = [0, 1].map((i) => requiredTensor(node, inputs, i));
    const rows = intAttr(node, 'rows', 0);
    const row = dy.shape.slice(indices.shape.length);
    const inner = elementCount(row);
    const out = new Float64Array(rows * inner);
    indices.data.forEach((index, i) => {
      const to = wrapped(node, index, rows) * inner;
      for (let k = 0; k < inner; k++) out[to + k] += dy.data[i * inner + k];
    });
    return [{ dtype: dy.dtype, shape: [rows, ...row], data: out }];
  },
};

export const GATHER_OPS: readonly OpSpec[] = [gather, gatherGrad];
