import type { Node } from '../../graph/graph.js';
import type { Composer } from '../../graph/op-spec.js';
import { epsilonOf, firstNormalizedAxis, normalizedGroups } from '../../graph/ops/sample-normalization.js';

/** What a masked form builds with. Values are those of the masked graph; `like` is one of the full graph. */
export interface MaskedFormBuilder extends Composer {
  /** Sets the channels that `like` drops on an axis to `neutral`. */
  masked(input: string, like: string, axis: number, neutral: number): string;
  /** How many indices an axis of `like` has, and how many of them stay; 1 of 1 when all do. */
  counts(like: string, axis: number): { readonly full: number; readonly kept: number };
}

/** How a norm takes means of values in which pruned channels hold 0. */
interface Means {
  /** The axes of x with channels that are mixed. */
  readonly axes: readonly number[];
  mean(value: string): string;
  /** The weight as it broadcasts to x. */
  weight(value: string): string;
}

/** The mean of all times full/kept is the mean of the kept. Two whole numbers, as a quotient would be rounded. */
export function meanOfKept(m: MaskedFormBuilder, mean: string, like: string, axes: readonly number[]): string {
  const counts = axes.map((axis) => m.counts(like, axis));
  const full = counts.reduce((product, c) => product * c.full, 1);
  const kept = counts.reduce((product, c) => product * c.kept, 1);
  return m.op('Div', [m.op('Mul', [mean, m.scalar(full, like)]), m.scalar(kept, like)]);
}

type MaskedNorm = (node: Node, m: MaskedFormBuilder) => Means;

const layerNorm: MaskedNorm = (node, m) => {
  const [x] = node.inputs;
  const rank = m.shape(x).length;
  const first = firstNormalizedAxis(node, rank);
  const axes = Array.from({ length: rank - first }, (_, i) => first + i);
  return {
    axes,
    mean: (value) => meanOfKept(m, m.op('ReduceMean', [value], { axes, keepdims: 1 }), x, axes),
    weight: (value) => value,
  };
};

/** Means of each channel's plane, then of the channels of a group, then handed back to each channel of it. */
const groupNorm: MaskedNorm = (node, m) => {
  const [x] = node.inputs;
  const shape = m.shape(x);
  const channels = Number(shape[1]);
  const groups = normalizedGroups(node, channels);
  const size = channels / groups;
  const planes = shape.slice(2).map(() => 1);
  const spatial = planes.map((_, i) => i + 2);
  return {
    axes: size === 1 ? [] : [1],
    mean(value) {
      const perChannel = spatial.length > 0 ? m.op('ReduceMean', [value], { axes: spatial, keepdims: 1 }) : value;
      const grouped = m.op('Reshape', [perChannel], { shape: [0, groups, size, ...planes] });
      const perGroup = meanOfKept(m, m.op('ReduceMean', [grouped], { axes: [2], keepdims: 1 }), x, [1]);
      const repeated = m.op('Expand', [perGroup], { shape: [1, 1, size, ...planes] });
      return m.op('Reshape', [repeated], { shape: [0, channels, ...planes] });
    },
    weight: (value) => m.op('Reshape', [value], { shape: [channels, ...planes] }),
  };
};

/** Over what stands behind each channel, where other channels do: a group norm that is written with reshapes. */
const instanceNorm: MaskedNorm = (node, m) => {
  const [x] = node.inputs;
  const shape = m.shape(x);
  const axes = shape.slice(2).map((_, i) => i + 2);
  return {
    axes,
    mean: (value) => meanOfKept(m, m.op('ReduceMean', [value], { axes, keepdims: 1 }), x, axes),
    weight: (value) => m.op('Reshape', [value], { shape: [Number(shape[1]), ...axes.map(() => 1)] }),
  };
};

const MASKED_NORMS: Readonly<Record<string, MaskedNorm>> = {
  LayerNormalization: layerNorm,
  GroupNormalization: groupNorm,
  InstanceNormalization: instanceNorm,
};

/**
 * A norm with mean and variance over the kept channels only, from ops that take channels one by one. Gives its result,
 * in which pruned channels hold anything; undefined where the op is no such norm, or mixes no channel that goes.
 */
export function maskedNorm(node: Node, m: MaskedFormBuilder): string | undefined {
  const norm = MASKED_NORMS[node.op]?.(node, m);
  const [x, scale, shift = ''] = node.inputs;
  const mixesPruned = norm?.axes.some((axis) => m.counts(x, axis).kept < m.counts(x, axis).full);
  if (!norm || !mixesPruned) return undefined;
  const kept = (value: string): string => norm.axes.reduce((v, axis) => m.masked(v, x, axis, 0), value);
  const values = kept(x);
  const centred = kept(m.op('Sub', [values, norm.mean(values)]));
  const variance = norm.mean(m.op('Mul', [centred, centred]));
  const deviation = m.op('Sqrt', [m.op('Add', [variance, m.scalar(epsilonOf(node), x)])]);
  const scaled = m.op('Mul', [m.op('Div', [centred, deviation]), norm.weight(scale)]);
  return shift === '' ? scaled : m.op('Add', [scaled, norm.weight(shift)]);
}
