import { type AxisChannels, type ChannelContext, FIXED } from '../channels.js';
import type { Node } from '../graph.js';
import { channelReason } from './reasons.js';

/**
 * Freezes an input's axes from 2 on, where windows slide, and gives the axes of an output with these channels:
 * the input's batch axis, `channels`, then fixed extents.
 */
export function spatialOutput(
  node: Node,
  ctx: ChannelContext,
  input: readonly AxisChannels[],
  channels: AxisChannels,
): AxisChannels[] {
  for (const axis of input.slice(2)) if (axis !== FIXED) ctx.freeze(axis, channelReason('SPATIAL_AXIS', node));
  return input.map((axis, i) => (i === 0 ? axis : i === 1 ? channels : FIXED));
}
