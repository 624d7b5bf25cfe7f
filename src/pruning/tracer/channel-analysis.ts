import { type AxisChannels, FIXED, type Reason } from '../../graph/channels.js';
import type { Graph, Node } from '../../graph/graph.js';

/**
 * The part of one layer's channels that belongs to a unit.
 *
 * `start` and `end` bound the indices on the layer's channel axis; which index belongs to which unit channel is exact
 * in `offsets` and `indices` (the indices of unit channel c are `indices[offsets[c]] … indices[offsets[c + 1] - 1]`):
 * one each as a rule, several where a flatten or a depth multiplier repeats a channel.
 */
export interface RelatedChannels {
  /** The layer's name. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** A node of the layer (the first, where several share it). */
  readonly node: Node;
  /** True when the layer passes its channels through (batch norm, depthwise conv), so stands in both lists. */
  readonly passThrough: boolean;
  readonly offsets: Int32Array;
  readonly indices: Int32Array;
}

/** Channels that live and die together, index by index, in every related layer. */
export interface ChannelUnit {
  readonly name: string;
  readonly numChannels: number;
  /** Layers that make these channels, in graph order. */
  readonly outputRelated: readonly RelatedChannels[];
  /** Layers that read these channels, in graph order. */
  readonly inputRelated: readonly RelatedChannels[];
  /** The channel class of each unit channel. */
  readonly classes: Int32Array;
  /** Why the unit can't be pruned; absent for one that can. */
  readonly reason?: Reason;
  /** An op without weights mixes these channels; it runs over the kept ones only. */
  readonly renormalised: boolean;
}

/** Output channels of a layer that stay, and why. */
export interface UnprunableChannels {
  readonly layer: string;
  readonly channels: number;
  readonly code: string;
  readonly reason: string;
}

/** What the tracer found: the channel class of every index along every axis of every value. */
export interface ChannelAnalysis {
  readonly graph: Graph;
  readonly numClasses: number;
  /** By value id, one entry an axis: the class of each index, in `[0, numClasses)`, or FIXED. */
  readonly axes: ReadonlyMap<string, readonly AxisChannels[]>;
  /** By name of a node that mixes channels without weights of its own (softmax): the classes that it mixes. */
  readonly renormalising: ReadonlyMap<string, readonly Int32Array[]>;
  readonly units: readonly ChannelUnit[];
  readonly unprunable: readonly UnprunableChannels[];
}

/** The classes along one axis of a value; undefined when the axis is fixed. */
export function axisClasses(analysis: ChannelAnalysis, value: string, axis: number): Int32Array | undefined {
  const channels = analysis.axes.get(value)?.[axis];
  return channels === undefined || channels === FIXED ? undefined : channels;
}

/** The indices of one unit channel on a related layer's channel axis. */
export function relatedIndices(related: RelatedChannels, channel: number): Int32Array {
  return related.indices.subarray(related.offsets[channel], related.offsets[channel + 1]);
}
