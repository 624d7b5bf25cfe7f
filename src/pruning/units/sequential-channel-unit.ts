import type { UnitArgs } from '../../prune-config/index.js';
import { countOnes, SequentialMutableChannel } from '../mutables/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { MutableChannelUnit } from './mutable-channel-unit.js';

/** Keeps the first k channels, whatever their weights. */
export class SequentialChannelUnit extends MutableChannelUnit {
  readonly mutableChannel: SequentialMutableChannel;

  constructor(channelUnit: ChannelUnit, args?: UnitArgs) {
    super(channelUnit, args);
    this.mutableChannel = new SequentialMutableChannel(channelUnit.numChannels);
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
