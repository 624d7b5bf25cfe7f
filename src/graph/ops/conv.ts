import { type AxisChannels, type ChannelContext, FIXED } from '../channels.js';
import { countedElements, getExtent } from '../dims.js';
import type { Node, Shape } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount, type RefTensor } from '../tensor.js';
import { intAttr } from './attributes.js';
import { axesFrom, outputSpec, requiredTensor } from './checks.js';
import { convOperands, expectBias } from './conv-operands.js';
import { spatialOutput } from './spatial.js';
import { resolveWindow, windowTaps } from './window.js';

const conv: OpSpec = {
  op: 'Conv',
  inputs: [2, 3],
  batchFirst: true,
  neutral: 0,
  mixes: (_node, rank) => axesFrom(1, rank),
  filters: { input: 1, axis: () => 0 },
  groups: 'group',

  infer(x) {
    const { node } = x;
    const { dtype, batch, channels, spatial, filters, group } = convOperands(x);
    const [outputs, perGroup, ...kernel] = filters;
    if (group < 1 || perGroup * group !== channels) {
      throw new OpError(node, `x has ${channels} channels, W takes ${perGroup} in each of ${group} groups`);
    }
    if (outputs % group !== 0) throw new OpError(node, `${outputs} filters do not divide into ${group} groups`);
    expectBias(x, dtype, outputs);
    return [outputSpec(node, dtype, [batch, outputs, ...resolveWindow(node, spatial, kernel).output])];
  },

  channels(node, ctx) {
    const input = ctx.input(0);
    const weight = ctx.input(1);
    const group = intAttr(node, 'group', 1);
    for (const axis of weight.slice(2)) ctx.tie(axis, FIXED);
    const filters = isDepthwise(node, ctx.inputShape(1))
      ? tieDepthwise(ctx, input[1], weight, group)
      : tieGroups(ctx, input[1], weight, group);
    if (ctx.hasInput(2)) ctx.tie(ctx.input(2)[0], filters);
    ctx.setOutput(0, spatialOutput(node, ctx, input, filters));
  },

  slice(node, ctx) {
    if (!isDepthwise(node, ctx.inputShape(1))) return node.attrs;
    const kept = ctx.keptIn(0, 1);
    return kept ? { ...node.attrs, group: kept.length } : node.attrs;
  },

  cost({ node, inputs, outputs }) {
    const input = inputs[0]!.shape;
    const kernel = countedElements(inputs[1]!.shape.slice(2));
    const results = countedElements(outputs[0].shape);
    const macs = kernel * (getExtent(input, 1) / intAttr(node, 'group', 1)) * results;
    return { macs, mmrazor: macs + (inputs[2] ? results : 0) };
  },

  parametric(node, inputs) {
    const weight = inputs[1]!.shape;
    return { input: 1, output: 1, passThrough: isDepthwise(node, weight) && weight[0] === intAttr(node, 'group', 1) };
  },

  evaluate(node, inputs) {
    return [evaluateConv(node, requiredTensor(node, inputs, 0), requiredTensor(node, inputs, 1), inputs[2])];
  },
};

/** True when every group has one input channel (and there are several groups). */
export function isDepthwise(node: Node, weightShape: Shape): boolean {
  return weightShape[1] === 1 && intAttr(node, 'group', 1) > 1;
}

/** Filter `c * multiplier + j` has the channel of input `c`. Gives the filters' channels. */
function tieDepthwise(
  ctx: ChannelContext,
  input: AxisChannels,
  weight: readonly AxisChannels[],
  group: number,
): AxisChannels {
  const [filters, perGroup] = weight;
  ctx.tie(perGroup, FIXED);
  if (input === FIXED || filters === FIXED) {
    ctx.tie(filters, FIXED);
    ctx.tie(input, FIXED);
    return FIXED;
  }
  const multiplier = filters.length / group;
  const channels = filters.map((_, i) => input[Math.floor(i / multiplier)]);
  ctx.tie(filters, channels);
  return channels;
}

/**
 * W axis 1 holds position j of every group, so position j lives or dies in all groups at once, on the input; and as
 * groups stay equal in size, on the output too. One group is the plain convolution. Gives the filters' channels.
 */
function tieGroups(
  ctx: ChannelContext,
  input: AxisChannels,
  weight: readonly AxisChannels[],
  group: number,
): AxisChannels {
  const [filters, perGroup] = weight;
  if (input === FIXED) ctx.tie(perGroup, FIXED);
  else for (const part of split(input, group)) ctx.tie(part, perGroup);
  if (filters !== FIXED) {
    const [first, ...others] = split(filters, group);
    for (const part of others) ctx.tie(first, part);
  }
  return filters;
}

function split(axis: Int32Array, parts: number): Int32Array[] {
  const size = axis.length / parts;
  return Array.from({ length: parts }, (_, i) => axis.subarray(i * size, (i + 1) * size));
}

function evaluateConv(node: Node, x: RefTensor, w: RefTensor, bias: RefTensor | undefined): RefTensor {
  const [batch, channels, ...spatial] = x.shape;
  const [filters, perGroup, ...kernel] = w.shape;
  const filtersPerGroup = (filters * perGroup) / channels;
  const window = resolveWindow(node, spatial, kernel);
  const { taps, step } = windowTaps(window, spatial);
  const inputPlane = elementCount(spatial);
  const outputPlane = elementCount(window.output);
  const data = new Float64Array(batch * filters * outputPlane);
  const input = x.data;
  const weights = w.data;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < filters; o++) {
      const to = (n * filters + o) * outputPlane;
      if (bias) data.fill(bias.data[o], to, to + outputPlane);
      const firstChannel = Math.floor(o / filtersPerGroup) * perGroup;
      for (let c = 0; c < perGroup; c++) {
        const from = (n * channels + firstChannel + c) * inputPlane;
        const at = (o * perGroup + c) * taps.length;
        for (let t = 0; t < taps.length; t++) {
          const weight = weights[at + t];
          const { runs } = taps[t];
          for (let r = 0; r < runs.length; r += 3) {
            let source = from + runs[r + 1];
            const start = to + runs[r];
            const end = start + runs[r + 2];
            for (let i = start; i < end; i++, source += step) data[i] += weight * input[source];
          }
        }
      }
    }
  }
  return { dtype: x.dtype, shape: [batch, filters, ...window.output], data };
}

export const CONV_OPS: readonly OpSpec[] = [conv];
