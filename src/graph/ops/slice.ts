import { type ChannelContext, FIXED } from '../channels.js';
import type { Node, Shape } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount, rowMajorStrides } from '../tensor.js';
import { PASSED_ON } from '../value-range.js';
import { intsAttr } from './attributes.js';
import { knownDim, normalizeAxis, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { channelReason } from './reasons.js';

export interface AxisSlice {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

/**
 * The elements of an axis that stay, by ONNX's rules: negative bounds count from the end, bounds outside of the axis
 * are clamped to it, a negative step walks backwards (an end far below zero then means "through the first element").
 */
function axisSlice(node: Node, extent: number, start: number, end: number, step: number): AxisSlice {
  if (step === 0) throw new OpError(node, 'steps must not be 0');
  const backwards = step < 0;
  const from = clamp(start < 0 ? start + extent : start, 0, backwards ? extent - 1 : extent);
  const to = clamp(end < 0 ? end + extent : end, backwards ? -1 : 0, extent);
  return { start: from, step, count: Math.max(0, Math.ceil((to - from) / step)) };
}

/** What stays of every axis that the node slices; a negative step walks backwards from `start`. */
export function slices(node: Node, shape: Shape): Map<number, AxisSlice> {
  const axes = intsAttr(node, 'axes');
  const starts = intsAttr(node, 'starts');
  const ends = intsAttr(node, 'ends');
  const steps = intsAttr(node, 'steps', new Array<number>(axes.length).fill(1));
  if (starts.length !== axes.length || ends.length !== axes.length || steps.length !== axes.length) {
    throw new OpError(node, `axes, starts, ends and steps must be equally long`);
  }
  return new Map(
    axes.map((a, i) => {
      const axis = normalizeAxis(node, a, shape.length);
      const extent = knownDim(node, shape[axis], `the extent of the sliced axis ${axis}`);
      return [axis, axisSlice(node, extent, starts[i], ends[i], steps[i])];
    }),
  );
}

/** A run of channels, forwards or backwards, is what it was; gaps could not be kept once channels are gone. */
function slicedChannels(node: Node, ctx: ChannelContext, axis: Int32Array, { start, step, count }: AxisSlice) {
  if (Math.abs(step) !== 1 && count > 1) {
    ctx.freeze(axis, channelReason('STRIDED_SLICE', node));
    return FIXED;
  }
  const taken = Int32Array.from({ length: count }, (_, i) => axis[start + i * step]);
  if (count < axis.length) ctx.separate(taken);
  return taken;
}

/** Start and end of a run of an axis, once only the kept indices are left of that axis. */
function boundsAmongKept({ start, step, count }: AxisSlice, kept: Int32Array): [number, number] {
  const before = (index: number): number => kept.filter((i) => i < index).length;
  if (step > 0) return [before(start), before(start + count)];
  const last = before(start - count + 1) - 1;
  // An end of -1 would count from the back; this one is before the first index.
  return [before(start + 1) - 1, last < 0 ? -kept.length - 1 : last];
}

/** A part of each given axis. Only axes of known extent can be sliced. */
export const SLICE_OP: OpSpec = {
  op: 'Slice',
  inputs: [1, 1],
  view: 'strided',
  infer(x) {
    const { dtype, shape } = requiredInput(x, 0, 'x');
    const kept = slices(x.node, shape);
    return [
      outputSpec(
        x.node,
        dtype,
        shape.map((dim, i) => kept.get(i)?.count ?? dim),
      ),
    ];
  },
  channels(node, ctx) {
    const taken = slices(node, ctx.inputShape(0));
    ctx.setOutput(
      0,
      ctx.input(0).map((axis, i) => {
        const slice = taken.get(i);
        return slice && axis !== FIXED ? slicedChannels(node, ctx, axis, slice) : axis;
      }),
    );
  },
  slice(node, ctx) {
    const shape = ctx.inputShape(0);
    const starts = [...intsAttr(node, 'starts')];
    const ends = [...intsAttr(node, 'ends')];
    const taken = slices(node, shape);
    intsAttr(node, 'axes').forEach((a, i) => {
      const axis = normalizeAxis(node, a, shape.length);
      const kept = ctx.keptIn(0, axis);
      if (kept) [starts[i], ends[i]] = boundsAmongKept(taken.get(axis)!, kept);
    });
    return { ...node.attrs, starts, ends };
  },
  byRows(node, [shape]) {
    const { start, step } = slices(node, shape).get(0) ?? { start: 0, step: 1 };
    return [start === 0 && step === 1];
  },
  wants: () => PASSED_ON,
  evaluate(node, inputs) {
    const { dtype, shape, data } = requiredTensor(node, inputs, 0);
    const kept = slices(node, shape);
    const own = rowMajorStrides(shape);
    const outShape = shape.map((dim, i) => kept.get(i)?.count ?? dim);
    const strides = own.map((s, i) => s * (kept.get(i)?.step ?? 1));
    const index = new Array<number>(shape.length).fill(0);
    let offset = own.reduce((sum, s, i) => sum + s * (kept.get(i)?.start ?? 0), 0);
    const out = new Float64Array(elementCount(outShape));
    for (let i = 0; i < out.length; i++) {
      out[i] = data[offset];
      for (let a = shape.length - 1; a >= 0; a--) {
        offset += strides[a];
        if (++index[a] < outShape[a]) break;
        offset -= strides[a] * outShape[a];
        index[a] = 0;
      }
    }
    return [{ dtype, shape: outShape, data: out }];
  },
};
