import type { UnitArgs } from '../config/unit-config.js';
import { type MutableChannel, SequentialMutableChannel } from '../mutables/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { ownMutable } from './mutable-channel-unit.js';
import { PositionalChannelUnit } from './positional-channel-unit.js';

/** Keeps the first k channels, whatever their weights. */
export class SequentialChannelUnit extends PositionalChannelUnit {
  readonly mutableChannel: SequentialMutableChannel;

  constructor(channelUnit: ChannelUnit, args?: UnitArgs, mutable?: MutableChannel) {
    super(channelUnit, args);
    this.mutableChannel = ownMutable(this, SequentialMutableChannel, mutable, () => {
      return new SequentialMutableChannel(channelUnit.numChannels);
    });
  }
}
