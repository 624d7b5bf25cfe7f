import type { Reason } from '../../graph/channels.js';
import type { UnitArgs } from '../../prune-config/index.js';
import { type ImportanceSource, l1Importance } from '../importance/index.js';
import { SimpleMutableChannel } from '../mutables/index.js';
import { type ChannelUnit, tracerReason } from '../tracer/index.js';
import { MutableChannelUnit } from './mutable-channel-unit.js';

/**
 * Keeps the channels of greatest mean absolute weight (see {@link l1Importance}); of equals those of lower index. The
 * importance is taken anew from the full weights whenever a choice is set, so a channel that was pruned can come back.
 */
export class L1ChannelUnit extends MutableChannelUnit {
  readonly mutableChannel: SimpleMutableChannel;

  constructor(channelUnit: ChannelUnit, args?: UnitArgs) {
    super(channelUnit, args);
    this.mutableChannel = new SimpleMutableChannel(channelUnit.numChannels);
  }

  override unfitReason(source: ImportanceSource): Reason | undefined {
    return l1Importance(this.channelUnit, source)
      ? undefined
      : tracerReason('NO_WEIGHTS', this.channelUnit.outputRelated.map((related) => related.name).join(', '));
  }

  /** @throws Error when no layer that makes the channels has known weights; see {@link unfitReason}. */
  importance(source: ImportanceSource): Float64Array {
    const importance = l1Importance(this.channelUnit, source);
    if (!importance) throw new Error(`unit ${this.name}: no layer that makes its channels has known weights`);
    return importance;
  }

  protected keep(count: number, source: ImportanceSource): void {
    const mask = new Uint8Array(this.numChannels);
    for (const channel of rankChannels(this.importance(source)).subarray(0, count)) mask[channel] = 1;
    this.mutableChannel.currentChoice = mask;
  }

  restoreMask(mask: Uint8Array): void {
    this.mutableChannel.currentChoice = mask;
  }
}

/** Channels from the most to the least important, of equals the lower index first. */
export function rankChannels(importance: Float64Array): Int32Array {
  return Int32Array.from(importance.keys()).sort((a, b) => importance[b] - importance[a] || a - b);
}
