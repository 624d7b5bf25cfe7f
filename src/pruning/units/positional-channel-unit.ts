import { countOnes, type SequentialMutableChannel } from '../mutables/index.js';
import { MutableChannelUnit } from './mutable-channel-unit.js';

/** A unit that keeps its first channels, whatever their weights. */
export abstract class PositionalChannelUnit extends MutableChannelUnit {
  abstract override readonly mutableChannel: SequentialMutableChannel;

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
