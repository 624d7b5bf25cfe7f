import { type AxisChannels, type ChannelContext, FIXED } from '../channels.js';
import { countedElements } from '../dims.js';
import type { Node, Shape } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount, type RefTensor } from '../tensor.js';
import { intAttr } from './attributes.js';
import { axesFrom, outputSpec, requiredTensor } from './checks.js';
import { convOperands, expectBias } from './conv-operands.js';
import { spatialOutput } from './spatial.js';
import { resolveTransposedWindow } from './transposed-window.js';
import { type Window, windowTaps } from './window.js';

/** The convolution with filters W `[C, O/group, …]` (of O inputs and C outputs) run backwards: from C channels to O. */
const convTranspose: OpSpec = {
  op: 'ConvTranspose',
  inputs: [2, 3],
  batchFirst: true,
  neutral: 0,
  mixes: (_node, rank) => axesFrom(1, rank),
  filters: { input: 1, axis: () => 1, perGroup: true },
  groups: 'group',

  infer(x) {
    const { node } = x;
    const { dtype, batch, channels, spatial, filters, group } = convOperands(x);
    const [takes, perGroup, ...kernel] = filters;
    if (takes !== channels) throw new OpError(node, `x has ${channels} channels, W takes ${takes}`);
    if (group < 1 || channels % group !== 0) {
      throw new OpError(node, `${channels} channels do not divide into ${group} groups`);
    }
    expectBias(x, dtype, perGroup * group);
    const { output } = resolveTransposedWindow(node, spatial, kernel);
    return [outputSpec(node, dtype, [batch, perGroup * group, ...output])];
  },

  channels(node, ctx) {
    const input = ctx.input(0);
    const weight = ctx.input(1);
    const group = intAttr(node, 'group', 1);
    for (const axis of weight.slice(2)) ctx.tie(axis, FIXED);
    const outputs = isDepthwiseTransposed(node, ctx.inputShape(1))
      ? tieDepthwise(ctx, input[1], weight)
      : tieGroups(ctx, input[1], weight, group);
    if (ctx.hasInput(2)) ctx.tie(ctx.input(2)[0], outputs);
    ctx.setOutput(0, spatialOutput(node, ctx, input, outputs));
  },

  slice(node, ctx) {
    if (!isDepthwiseTransposed(node, ctx.inputShape(1))) return node.attrs;
    const kept = ctx.keptIn(0, 1);
    return kept ? { ...node.attrs, group: kept.length } : node.attrs;
  },

  cost({ inputs, outputs }) {
    const [input, weight] = [inputs[0]!.shape, inputs[1]!.shape];
    const macs = countedElements(weight) * countedElements(input.toSpliced(1, 1));
    return { macs, mmrazor: macs + (inputs[2] ? countedElements(outputs[0].shape) : 0) };
  },

  parametric(node, inputs) {
    const weight = inputs[1]!.shape;
    return { input: 1, output: 1, passThrough: isDepthwiseTransposed(node, weight) && weight[1] === 1 };
  },

  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const w = requiredTensor(node, inputs, 1);
    const { window, output } = resolveTransposedWindow(node, x.shape.slice(2), w.shape.slice(2));
    return [convolveBackwards(x, w, intAttr(node, 'group', 1), window, output, inputs[2])];
  },
};

/** True when every group has one input channel (and there are several groups). */
export function isDepthwiseTransposed(node: Node, weightShape: Shape): boolean {
  const group = intAttr(node, 'group', 1);
  return group > 1 && weightShape[0] === group;
}

/** Output `c * multiplier + j` has the channel of input `c`. Gives the outputs' channels. */
function tieDepthwise(ctx: ChannelContext, input: AxisChannels, weight: readonly AxisChannels[]): AxisChannels {
  const [takes, perGroup] = weight;
  const multiplier = Number(ctx.inputShape(1)[1]);
  ctx.tie(perGroup, FIXED);
  ctx.tie(takes, input);
  if (input === FIXED) return FIXED;
  return Int32Array.from({ length: input.length * multiplier }, (_, i) => input[Math.floor(i / multiplier)]);
}

/**
 * W axis 1 holds output position j of every group, so position j lives or dies in all groups at once; and as groups
 * stay equal in size, input positions do too. One group is the plain case. Gives the outputs' channels.
 */
function tieGroups(
  ctx: ChannelContext,
  input: AxisChannels,
  weight: readonly AxisChannels[],
  group: number,
): AxisChannels {
  const [takes, perGroup] = weight;
  ctx.tie(takes, input);
  if (input !== FIXED) {
    const size = input.length / group;
    const first = input.subarray(0, size);
    for (let g = 1; g < group; g++) ctx.tie(first, input.subarray(g * size, (g + 1) * size));
  }
  if (perGroup === FIXED) return FIXED;
  return Int32Array.from({ length: perGroup.length * group }, (_, i) => perGroup[i % perGroup.length]);
}

/**
 * Sends every element of x back through the filters to the positions that a convolution would have read it from.
 * @param x `[N, C, …window.output]`
 * @param w `[C, O/group, …window.kernel]`
 * @param spatial extents of the result `[N, O, …spatial]`
 */
export function convolveBackwards(
  x: RefTensor,
  w: RefTensor,
  group: number,
  window: Window<number>,
  spatial: readonly number[],
  bias?: RefTensor,
): RefTensor {
  const [batch, channels] = x.shape;
  const perGroup = w.shape[1];
  const outputs = perGroup * group;
  const { taps, step } = windowTaps(window, spatial);
  const plane = elementCount(spatial);
  const sourcePlane = elementCount(window.output);
  const data = new Float64Array(batch * outputs * plane);
  if (bias) for (let o = 0; o < batch * outputs; o++) data.fill(bias.data[o % outputs], o * plane, (o + 1) * plane);
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const from = (n * channels + c) * sourcePlane;
      const firstOutput = Math.floor((c * group) / channels) * perGroup;
      for (let j = 0; j < perGroup; j++) {
        const to = (n * outputs + firstOutput + j) * plane;
        taps.forEach(({ runs }, t) => {
          const weight = w.data[(c * perGroup + j) * taps.length + t];
          for (let r = 0; r < runs.length; r += 3) {
            for (let i = 0; i < runs[r + 2]; i++) {
              data[to + runs[r + 1] + i * step] += weight * x.data[from + runs[r] + i];
            }
          }
        });
      }
    }
  }
  return { dtype: x.dtype, shape: [batch, outputs, ...spatial], data };
}

export const CONV_TRANSPOSE_OPS: readonly OpSpec[] = [convTranspose];
