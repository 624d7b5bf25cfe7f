import type { UnitArgs } from '../../prune-config/index.js';
import { countOnes, type MutableChannel, SequentialMutableChannel } from '../mutables/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { MutableChannelUnit, ownMutable } from './mutable-channel-unit.js';

/** Keeps the first k channels, whatever their weights. */
export class SequentialChannelUnit extends MutableChannelUnit {
  readonly mutableChannel: SequentialMutableChannel;

  constructor(channelUnit: ChannelUnit, args?: UnitArgs, mutable?: MutableChannel) {
    super(channelUnit, args);
    this.mutableChannel = ownMutable(this, SequentialMutableChannel, mutable, () => {
      return new SequentialMutableChannel(channelUnit.numChannels);
    });
  }

  importance(): undefined {
    return undefined;
  }

  protected keep(count: number): void {
    this.mutableChannel.currentChoice = count;
  }

  restoreMask(mask: Uint8Array): void {
    this.mutableChannel.currentChoice = countOnes(mask);
  }
}
