import { type AxisChannels, FIXED } from '../channels.js';
import { countedElements, getExtent } from '../dims.js';
import type { Node } from '../graph.js';
import { type Composer, type InferInput, OpError, type OpSpec } from '../op-spec.js';
import { elementCount } from '../tensor.js';
import { intAttr, numberAttr } from './attributes.js';
import {
  axesFrom,
  expectDType,
  expectFloat,
  expectMinRank,
  expectShape,
  knownDim,
  normalizeAxis,
  outputSpec,
  requiredInput,
  requiredTensor,
} from './checks.js';
import { spatialOutput } from './spatial.js';

/** Norms by the statistics of the sample itself: the same in training and in evaluation. */

const WEIGHTS = ['scale', 'B'] as const;

/** What is added to the variance. */
export const epsilonOf = (node: Node): number => numberAttr(node, 'epsilon', 1e-5);

/** The first of the axes that a layer norm normalises over; the others follow it. */
export const firstNormalizedAxis = (node: Node, rank: number): number =>
  normalizeAxis(node, intAttr(node, 'axis', -1), rank);

/** Subtracts the mean of each run of `run` elements and divides by its standard deviation. */
function normalizeRuns(data: Float64Array, run: number, epsilon: number): Float64Array {
  const out = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += run) {
    const part = data.subarray(start, start + run);
    const mean = part.reduce((sum, v) => sum + v, 0) / run;
    const variance = part.reduce((sum, v) => sum + (v - mean) ** 2, 0) / run;
    const deviation = Math.sqrt(variance + epsilon);
    for (let i = 0; i < run; i++) out[start + i] = (part[i] - mean) / deviation;
  }
  return out;
}

/**
 * (x - mean) · scale / √(variance + ε) + shift, where means and weights are handed to the places of x.
 * @param places of the value of each run
 */
function composeNorm(
  node: Node,
  c: Composer,
  mean: (value: string) => string,
  { places, weight }: { places(value: string): string; weight(value: string): string },
): string {
  const [x, scale, shift = ''] = node.inputs;
  const centred = c.op('Sub', [x, places(mean(x))]);
  const variance = mean(c.op('Mul', [centred, centred]));
  const deviation = c.op('Sqrt', [c.op('Add', [variance, c.scalar(epsilonOf(node), x)])]);
  const scaled = c.op('Mul', [c.op('Div', [centred, places(deviation)]), weight(scale)]);
  return shift === '' ? scaled : c.op('Add', [scaled, weight(shift)]);
}

/** Over the last axes, from `axis` on, with a weight for each element of them. */
const layerNormalization: OpSpec = {
  op: 'LayerNormalization',
  inputs: [2, 3],

  infer(x) {
    const { node } = x;
    const input = requiredInput(x, 0, 'x');
    expectFloat(node, input, 'x');
    const normalized = input.shape.slice(firstNormalizedAxis(node, input.shape.length));
    epsilonOf(node);
    WEIGHTS.forEach((name, i) => {
      const spec = i === 0 ? requiredInput(x, 1, name) : x.inputs[2];
      if (!spec) return;
      expectDType(node, spec, input.dtype, name);
      expectShape(node, spec, normalized, name);
    });
    return [outputSpec(node, input.dtype, input.shape)];
  },

  channels(node, ctx) {
    const input = ctx.input(0);
    const first = firstNormalizedAxis(node, input.length);
    input.slice(first).forEach((axis, i) => {
      for (const weight of [1, 2]) if (ctx.hasInput(weight)) ctx.tie(axis, ctx.input(weight)[i]);
      ctx.renormalise(axis);
    });
    ctx.setOutput(0, input);
  },

  cost({ inputs }) {
    return { macs: 0, mmrazor: countedElements(inputs[0]!.shape) };
  },

  mixes: (node, rank) => axesFrom(firstNormalizedAxis(node, rank), rank),

  compose(node, c) {
    const rank = c.shape(node.inputs[0]).length;
    const axes = axesFrom(firstNormalizedAxis(node, rank), rank);
    const same = (value: string): string => value;
    const mean = (value: string): string => c.op('ReduceMean', [value], { axes, keepdims: 1 });
    return composeNorm(node, c, mean, { places: same, weight: same });
  },

  /** Axis 1 where it is normalised, as in `[N, C, H, W]`; else the last one, as in `[N, H, W, C]`. */
  parametric(node, inputs) {
    const rank = inputs[0]!.shape.length;
    const axis = firstNormalizedAxis(node, rank) <= 1 ? Math.min(1, rank - 1) : rank - 1;
    return { input: axis, output: axis, passThrough: true };
  },

  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const scale = requiredTensor(node, inputs, 1).data;
    const shift = inputs[2]?.data;
    const run = elementCount(x.shape.slice(firstNormalizedAxis(node, x.shape.length)));
    const normal = normalizeRuns(x.data, run, epsilonOf(node));
    return [{ ...x, data: normal.map((v, i) => v * scale[i % run] + (shift?.[i % run] ?? 0)) }];
  },
};

/** How many groups the channels of x are normalised in; all of them by themselves in an instance norm. */
function normalizedGroups(node: Node, channels: number): number {
  if (node.op === 'InstanceNormalization') return channels;
  if (node.attrs.num_groups === undefined) throw new OpError(node, 'the attribute num_groups is missing');
  const groups = intAttr(node, 'num_groups', 1);
  if (groups < 1 || channels % groups !== 0) {
    throw new OpError(node, `${channels} channels do not divide into ${groups} groups`);
  }
  return groups;
}

function inferGroups(x: InferInput, leastRank: number) {
  const { node } = x;
  const input = requiredInput(x, 0, 'x');
  expectFloat(node, input, 'x');
  expectMinRank(node, input, leastRank, 'x');
  const channels = knownDim(node, input.shape[1], 'the channels of x');
  normalizedGroups(node, channels);
  epsilonOf(node);
  WEIGHTS.forEach((name, i) => {
    const spec = requiredInput(x, i + 1, name);
    expectDType(node, spec, input.dtype, name);
    expectShape(node, spec, [channels], name);
  });
  return outputSpec(node, input.dtype, input.shape);
}

/** Ties position j of every group, as groups stay equal in size, and says that each group's channels are mixed. */
function mixGroups(channels: AxisChannels, groups: number, renormalise: (axis: AxisChannels) => void): Int32Array[] {
  if (channels === FIXED || groups === channels.length) return [];
  renormalise(channels);
  const size = channels.length / groups;
  return Array.from({ length: groups }, (_, g) => channels.subarray(g * size, (g + 1) * size));
}

/** Over the channels of a group and all spatial axes; an instance norm has a channel a group. */
function groupedSpec(op: string, leastRank: number): OpSpec {
  return {
    op,
    inputs: [3, 3],
    infer: (x) => [inferGroups(x, leastRank)],

    channels(node, ctx) {
      const input = ctx.input(0);
      const channels = input[1];
      for (const weight of [1, 2]) ctx.tie(channels, ctx.input(weight)[0]);
      const groups = normalizedGroups(node, getExtent(ctx.inputShape(0), 1));
      const [first, ...others] = mixGroups(channels, groups, (axis) => ctx.renormalise(axis));
      for (const other of others) ctx.tie(first, other);
      if (op !== 'InstanceNormalization') return ctx.setOutput(0, spatialOutput(node, ctx, input, channels));
      // What stands behind the channels is mixed whatever it is: channels too, where a group norm is written with reshapes.
      for (const axis of input.slice(2)) ctx.renormalise(axis);
      ctx.setOutput(0, input);
    },

    slice(node, ctx) {
      const kept = ctx.keptIn(0, 1);
      const channels = getExtent(ctx.inputShape(0), 1);
      const single = op !== 'InstanceNormalization' && normalizedGroups(node, channels) === channels;
      return kept && single ? { ...node.attrs, num_groups: kept.length } : node.attrs;
    },

    cost({ inputs }) {
      return { macs: 0, mmrazor: 2 * countedElements(inputs[0]!.shape) };
    },

    batchFirst: true,
    ...(op === 'GroupNormalization' && { groups: 'num_groups' }),
    mixes: (_node, rank) => axesFrom(1, rank),

    parametric() {
      return { input: 1, output: 1, passThrough: true };
    },

    /** The mean of a group is that of its channels' means, as planes are equal in size. */
    compose(node, c) {
      const [, , ...spatial] = c.shape(node.inputs[0]);
      const channels = getExtent(c.shape(node.inputs[0]), 1);
      const groups = normalizedGroups(node, channels);
      const size = channels / groups;
      const planes = spatial.map(() => 1);
      const meanOf = (value: string, axes: readonly number[]): string =>
        axes.length === 0 ? value : c.op('ReduceMean', [value], { axes, keepdims: 1 });
      const mean = (value: string): string => {
        const perChannel = meanOf(value, axesFrom(2, spatial.length + 2));
        if (size === 1) return perChannel;
        return meanOf(c.op('Reshape', [perChannel], { shape: [0, groups, size] }), [2]);
      };
      const places = (value: string): string => {
        if (size === 1) return value;
        const repeated = c.op('Tile', [value], { repeats: [1, 1, size] });
        return c.op('Reshape', [repeated], { shape: [0, channels, ...planes] });
      };
      const weight = (value: string): string => c.op('Reshape', [value], { shape: [channels, ...planes] });
      return composeNorm(node, c, mean, { places, weight });
    },

    evaluate(node, inputs) {
      const x = requiredTensor(node, inputs, 0);
      const [scale, shift] = WEIGHTS.map((_, i) => requiredTensor(node, inputs, i + 1).data);
      const channels = x.shape[1];
      const plane = elementCount(x.shape.slice(2));
      const run = (channels / normalizedGroups(node, channels)) * plane;
      const normal = normalizeRuns(x.data, run, epsilonOf(node));
      const channelOf = (i: number): number => Math.floor(i / plane) % channels;
      return [{ ...x, data: normal.map((v, i) => v * scale[channelOf(i)] + shift[channelOf(i)]) }];
    },
  };
}

export const SAMPLE_NORMALIZATION_OPS: readonly OpSpec[] = [
  layerNormalization,
  groupedSpec('GroupNormalization', 2),
  groupedSpec('InstanceNormalization', 3),
];
