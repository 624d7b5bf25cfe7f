import { countOnes, type DumpChosen, type MutableChannel } from './mutable-channel.js';

/**
 * A mutable that follows another one: its mask is computed from the source's, so it has no choice of its own to set.
 */
export class DerivedMutable implements MutableChannel<unknown> {
  readonly numChannels: number;
  readonly source: MutableChannel;
  readonly #derive: (mask: Uint8Array) => Uint8Array;

  constructor(source: MutableChannel, numChannels: number, derive: (mask: Uint8Array) => Uint8Array) {
    this.source = source;
    this.numChannels = numChannels;
    this.#derive = derive;
  }

  get currentChoice(): unknown {
    return this.source.currentChoice;
  }

  get currentMask(): Uint8Array {
    return this.#derive(this.source.currentMask);
  }

  get activatedChannels(): number {
    return countOnes(this.currentMask);
  }

  get isFixed(): boolean {
    return this.source.isFixed;
  }

  fixChosen(): void {
    this.source.fixChosen();
  }

  dumpChosen(): DumpChosen {
    return { chosen: this.currentChoice, meta: { maxChannels: this.numChannels } };
  }
}

/**
 * Repeats each bit of the source `ratio` times in a row, as a channels-first flatten does with spatial positions.
 * @example deriveExpand(source of mask 1001, 3).currentMask // 111000000111
 */
export function deriveExpand(source: MutableChannel, ratio: number): DerivedMutable {
  const positions = Int32Array.from({ length: source.numChannels * ratio }, (_, i) => Math.floor(i / ratio));
  return deriveIndexed(source, positions);
}

/** Position i of the derived mask is the source's channel `positions[i]`: any repetition or permutation. */
export function deriveIndexed(source: MutableChannel, positions: Int32Array): DerivedMutable {
  return new DerivedMutable(source, positions.length, (mask) => Uint8Array.from(positions, (channel) => mask[channel]));
}
