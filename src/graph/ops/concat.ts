import { type AxisChannels, type ChannelContext, FIXED } from '../channels.js';
import { dimProduct, formatShape, getExtent, toDim } from '../dims.js';
import type { Node } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { joinAxis } from '../tensor.js';
import { PASSED_ON } from '../value-range.js';
import { intAttr } from './attributes.js';
import { expectDType, normalizeAxis, outputSpec, requiredInput, requiredTensor } from './checks.js';
import { channelReason } from './reasons.js';

const concat: OpSpec = {
  op: 'Concat',
  inputs: [1, Number.POSITIVE_INFINITY],
  hides: () => true,
  byRows: (node, inputs) => inputs.map(({ length }) => concatAxis(node, length) !== 0),

  infer(x) {
    const { node } = x;
    const specs = x.inputs.map((_, i) => requiredInput(x, i, `input ${i}`));
    const [first, ...others] = specs;
    const axis = concatAxis(node, first.shape.length);
    others.forEach((spec, i) => {
      expectDType(node, spec, first.dtype, `input ${i + 1}`);
      if (spec.shape.length !== first.shape.length || spec.shape.some((d, a) => a !== axis && d !== first.shape[a])) {
        const shapes = `${formatShape(spec.shape)} and ${formatShape(first.shape)}`;
        throw new OpError(node, `inputs ${i + 1} and 0 differ off axis ${axis}: ${shapes}`);
      }
    });
    const extents = specs.map((spec) => spec.shape[axis]);
    if (specs.length > 1 && extents.some((d) => typeof d === 'string')) {
      throw new OpError(node, `extents [${extents}] on axis ${axis} must be known`);
    }
    const total =
      specs.length === 1 ? toDim(dimProduct(extents)) : extents.reduce<number>((sum, d) => sum + Number(d), 0);
    return [outputSpec(node, first.dtype, first.shape.with(axis, total))];
  },

  channels(node, ctx) {
    const rank = ctx.outputShape(0).length;
    const count = countInputs(ctx);
    const axis = concatAxis(node, rank);
    const inputs = Array.from({ length: count }, (_, i) => ctx.input(i));
    ctx.setOutput(
      0,
      Array.from({ length: rank }, (_, a) => {
        const parts = inputs.map((input) => input[a]);
        return a === axis ? joined(node, ctx, parts, axis) : tiedTogether(ctx, parts);
      }),
    );
  },

  wants: () => PASSED_ON,
  evaluate(node, inputs) {
    const tensors = inputs.map((_, i) => requiredTensor(node, inputs, i));
    return [joinAxis(tensors, concatAxis(node, tensors[0].shape.length))];
  },
};

function concatAxis(node: Node, rank: number): number {
  if (node.attrs.axis === undefined) throw new OpError(node, 'attribute axis is required');
  return normalizeAxis(node, intAttr(node, 'axis', 0), rank);
}

function countInputs(ctx: ChannelContext): number {
  let count = 0;
  while (ctx.hasInput(count)) count++;
  return count;
}

/** The index lists one after another; a fixed part among others gets channels of its own that never go. */
function joined(node: Node, ctx: ChannelContext, parts: readonly AxisChannels[], axis: number): AxisChannels {
  if (parts.every((part) => part === FIXED)) return FIXED;
  const lists = parts.map((part, i) => {
    if (part !== FIXED) return part;
    const own = ctx.fresh(getExtent(ctx.inputShape(i), axis));
    ctx.freeze(own, channelReason('FIXED_PART', node));
    return own;
  });
  const all = new Int32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

function tiedTogether(ctx: ChannelContext, parts: readonly AxisChannels[]): AxisChannels {
  const first = parts.find((part) => part !== FIXED);
  if (first === undefined) return FIXED;
  for (const part of parts) if (part !== first) ctx.tie(first, part);
  return first;
}

export const CONCAT_OPS: readonly OpSpec[] = [concat];
