import { getExtent } from '../dims.js';
import type { Node } from '../graph.js';
import { heldBy } from '../held.js';
import { type InferInput, OpError, type OpSpec } from '../op-spec.js';
import { DTYPE_BYTES, type DType } from '../tensor.js';
import { indicesInto, PASSED_ON, TRUTH_VALUES, type ValueRange } from '../value-range.js';
import { choiceAttr, intAttr, intsAttr } from './attributes.js';
import { broadcastChannels, broadcastOffsets, broadcastRows, broadcastShapes, mapBroadcast } from './broadcast.js';
import { expectDType, expectKind, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { channelReason } from './reasons.js';

/** Element by element over all inputs. */
const broadcastAll: NonNullable<OpSpec['channels']> = (node, ctx) => {
  const operands = node.inputs.map((_, i) => ({ shape: ctx.inputShape(i), axes: ctx.input(i) }));
  ctx.setOutput(0, broadcastChannels(node, ctx, operands, ctx.outputShape(0)));
};

/** The whole numbers that a constant operand has, 0 and 1 among them: others would never be equal to any. */
function comparable(x: InferInput, i: number): ValueRange | undefined {
  const other = x.constant(1 - i);
  if (!other) return undefined;
  const numbers = Array.from(other.data as ArrayLike<number | bigint>, Number);
  if (!numbers.every(Number.isInteger)) return undefined;
  return {
    low: numbers.reduce((a, b) => Math.min(a, b), 0),
    high: numbers.reduce((a, b) => Math.max(a, b), 1),
    whole: true,
  };
}

function comparison(
  op: string,
  holds: (a: number, b: number) => boolean,
  ordered: boolean,
  wants?: OpSpec['wants'],
): OpSpec {
  return {
    op,
    inputs: [2, 2],
    ...(wants && { wants }),
    infer(x) {
      const a = requiredInput(x, 0, 'a');
      const b = requiredInput(x, 1, 'b');
      if (ordered) expectKind(x.node, a, 'number', 'a');
      expectDType(x.node, b, a.dtype, 'b');
      return [outputSpec(x.node, 'bool', broadcastShapes(x.node, [a.shape, b.shape]))];
    },
    channels: broadcastAll,
    byRows: broadcastRows,
    hides: () => true,
    evaluate(node, inputs) {
      const a = requiredTensor(node, inputs, 0);
      const b = requiredTensor(node, inputs, 1);
      return [mapBroadcast(node, a, b, 'bool', (u, v) => (holds(u, v) ? 1 : 0))];
    },
  };
}

const where: OpSpec = {
  op: 'Where',
  inputs: [3, 3],
  infer(x) {
    const condition = requiredInput(x, 0, 'condition');
    const a = requiredInput(x, 1, 'a');
    const b = requiredInput(x, 2, 'b');
    expectDType(x.node, condition, 'bool', 'condition');
    expectDType(x.node, b, a.dtype, 'b');
    return [outputSpec(x.node, a.dtype, broadcastShapes(x.node, [condition.shape, a.shape, b.shape]))];
  },
  channels: broadcastAll,
  byRows: broadcastRows,
  wants: (_, i) => (i === 0 ? TRUTH_VALUES : PASSED_ON),
  evaluate(node, inputs) {
    const [condition, a, b] = [0, 1, 2].map((i) => requiredTensor(node, inputs, i));
    const shape = broadcastShapes(node, [condition.shape, a.shape, b.shape]);
    const [ofCondition, ofA, ofB] = [condition, a, b].map((t) => broadcastOffsets(t.shape, shape));
    const data = Float64Array.from(ofCondition, (at, i) =>
      condition.data[at] !== 0 ? a.data[ofA[i]] : b.data[ofB[i]],
    );
    return [{ dtype: a.dtype, shape, data }];
  },
};

function castTarget(node: Node): DType {
  if (node.attrs.to === undefined) throw new OpError(node, 'the attribute to is missing');
  return choiceAttr(node, 'to', Object.keys(DTYPE_BYTES) as DType[], 'float32');
}

const cast: OpSpec = {
  op: 'Cast',
  inputs: [1, 1],
  infer: (x) => [outputSpec(x.node, castTarget(x.node), requiredInput(x, 0, 'x').shape)],
  channels: (_node, ctx) => ctx.setOutput(0, ctx.input(0)),
  byRows: broadcastRows,
  wants: ({ node }) => (castTarget(node) === 'bool' ? TRUTH_VALUES : PASSED_ON),
  evaluate(node, inputs) {
    const { shape, data } = requiredTensor(node, inputs, 0);
    const dtype = castTarget(node);
    return [{ dtype, shape, data: data.map(heldBy(dtype)) }];
  },
};

const oneHot: OpSpec = {
  op: 'OneHot',
  inputs: [1, 1],
  infer(x) {
    const labels = requiredInput(x, 0, 'labels');
    expectKind(x.node, labels, 'integer', 'labels');
    return [outputSpec(x.node, 'float32', [...labels.shape, intAttr(x.node, 'depth', 0)])];
  },
  byRows: () => [true],
  wants: ({ node }) => indicesInto(intAttr(node, 'depth', 0)),
  evaluate(node, inputs) {
    const { shape, data } = requiredTensor(node, inputs, 0);
    const depth = intAttr(node, 'depth', 0);
    const out = new Float64Array(data.length * depth);
    data.forEach((label, i) => {
      if (label >= 0 && label < depth) out[i * depth + label] = 1;
    });
    return [{ dtype: 'float32', shape: [...shape, depth], data: out }];
  },
};

const expand: OpSpec = {
  op: 'Expand',
  inputs: [1, 1],
  view: 'strided',
  byRows: broadcastRows,
  wants: () => PASSED_ON,
  infer(x) {
    const { dtype, shape } = requiredInput(x, 0, 'x');
    return [outputSpec(x.node, dtype, broadcastShapes(x.node, [shape, intsAttr(x.node, 'shape')]))];
  },
  /** Copies of one index are channels of their own, as many of which stay as their readers want. */
  channels(node, ctx) {
    const [from, to] = [ctx.inputShape(0), ctx.outputShape(0)];
    ctx.setOutput(
      0,
      to.map((dim, axis) => {
        const own = axis - to.length + from.length;
        if (own >= 0 && from[own] === dim) return ctx.input(0)[own];
        if (own >= 0) ctx.freeze(ctx.input(0)[own], channelReason('BROADCAST', node));
        return ctx.fresh(getExtent(to, axis));
      }),
    );
  },
  slice(node, ctx) {
    const [from, to] = [ctx.inputShape(0), ctx.outputShape(0)];
    const shape = intsAttr(node, 'shape').map((extent, i, { length }) => {
      const axis = i - length + to.length;
      const own = axis - to.length + from.length;
      const kept = ctx.keptOut(0, axis);
      if (!kept) return extent;
      return own >= 0 && from[own] === to[axis] ? 1 : kept.length;
    });
    return { ...node.attrs, shape };
  },
  evaluate(node, inputs) {
    const { dtype, shape, data } = requiredTensor(node, inputs, 0);
    const out = broadcastShapes(node, [shape, intsAttr(node, 'shape')]);
    return [{ dtype, shape: out, data: Float64Array.from(broadcastOffsets(shape, out), (at) => data[at]) }];
  },
};

export const SELECTION_OPS: readonly OpSpec[] = [
  comparison('Equal', (a, b) => a === b, false, comparable),
  comparison('Greater', (a, b) => a > b, true),
  comparison('Less', (a, b) => a < b, true),
  where,
  cast,
  oneHot,
  expand,
];
