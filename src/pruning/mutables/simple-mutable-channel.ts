import { countOnes, type DumpChosen, type MutableChannel } from './mutable-channel.js';

/** A mutable whose choice *is* its mask: any set of channels may stay. */
export class SimpleMutableChannel implements MutableChannel<Uint8Array> {
  readonly numChannels: number;
  #mask: Uint8Array;
  #fixed = false;

  /** All channels are kept at first. */
  constructor(numChannels: number) {
    this.numChannels = numChannels;
    this.#mask = new Uint8Array(numChannels).fill(1);
  }

  get currentChoice(): Uint8Array {
    return this.#mask;
  }

  /** @throws RangeError for a mask of another length, Error when the mutable is fixed. */
  set currentChoice(mask: Uint8Array) {
    if (this.#fixed) throw new Error('the choice of this mutable channel is fixed');
    if (mask.length !== this.numChannels) {
      throw new RangeError(`a mask of ${this.numChannels} channels is needed, got ${mask.length}`);
    }
    this.#mask = Uint8Array.from(mask, (bit) => (bit ? 1 : 0));
  }

  get currentMask(): Uint8Array {
    return this.#mask;
  }

  get activatedChannels(): number {
    return countOnes(this.#mask);
  }

  get isFixed(): boolean {
    return this.#fixed;
  }

  fixChosen(): void {
    this.#fixed = true;
  }

  dumpChosen(): DumpChosen<Uint8Array> {
    return { chosen: this.#mask.slice(), meta: { maxChannels: this.numChannels } };
  }
}
