import type { Reason } from '../channels.js';
import type { Node } from '../graph.js';

/** Why an op's channel rule freezes channels: the codes, each with what happened. */
export const CHANNEL_REASONS = {
  SPATIAL_AXIS: 'a window slides along this axis',
  BROADCAST: 'one index is broadcast against many',
  MERGED_AXES: 'several axes with channels are merged into one',
  SQUEEZED_AXIS: 'an axis of one index is removed',
  PADDED_AXIS: 'the axis is padded from its own indices, or cropped',
  PADDING: 'indices added by padding',
  STRIDED_SLICE: 'only every so many of these indices are taken',
  INDEXED_AXIS: 'indices that are data point into this axis',
  FIXED_PART: 'these indices come from an axis that never changes',
} as const;

export type ChannelReasonCode = keyof typeof CHANNEL_REASONS;

/** @example channelReason('BROADCAST', node).message // 'Add add_1: one index is broadcast against many' */
export function channelReason(code: ChannelReasonCode, node: Node): Reason {
  return { code, message: `${node.op} ${node.layer ?? node.name}: ${CHANNEL_REASONS[code]}` };
}
