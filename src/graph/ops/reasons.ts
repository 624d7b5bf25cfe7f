import type { Reason } from '../channels.js';
import type { Node } from '../graph.js';

/** Why an op's channel rule freezes channels: the codes, each with what happened. */
const CHANNEL_REASONS = {
  spatial_axis: 'a window slides along this axis',
  broadcast: 'one index is broadcast against many',
  merged_axes: 'several axes with channels are merged into one',
  squeezed_axis: 'an axis of one index is removed',
  padded_axis: 'the axis is padded from its own indices, or cropped',
  padding: 'indices added by padding',
  fixed_part: 'these indices come from an axis that never changes',
} as const;

export type ChannelReasonCode = keyof typeof CHANNEL_REASONS;

/** @example channelReason('broadcast', node).message // 'Add add_1: one index is broadcast against many' */
export function channelReason(code: ChannelReasonCode, node: Node): Reason {
  return { code, message: `${node.op} ${node.layer ?? node.name}: ${CHANNEL_REASONS[code]}` };
}
