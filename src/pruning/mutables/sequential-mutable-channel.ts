import type { DumpChosen, MutableChannel } from './mutable-channel.js';

/** A mutable that keeps the first k channels; its choice is k, a whole number in 1…numChannels. */
export class SequentialMutableChannel implements MutableChannel<number> {
  readonly numChannels: number;
  #choice: number;
  #fixed = false;

  constructor(numChannels: number) {
    this.numChannels = numChannels;
    this.#choice = numChannels;
  }

  get currentChoice(): number {
    return this.#choice;
  }

  /** @throws RangeError outside 1…numChannels, Error when the mutable is fixed. */
  set currentChoice(count: number) {
    if (this.#fixed) throw new Error('the choice of this mutable channel is fixed');
    if (!Number.isInteger(count) || count < 1 || count > this.numChannels) {
      throw new RangeError(`a whole number in 1…${this.numChannels} is needed, got ${count}`);
    }
    this.#choice = count;
  }

  get currentMask(): Uint8Array {
    return new Uint8Array(this.numChannels).fill(1, 0, this.#choice);
  }

  get activatedChannels(): number {
    return this.#choice;
  }

  get isFixed(): boolean {
    return this.#fixed;
  }

  fixChosen(): void {
    this.#fixed = true;
  }

  dumpChosen(): DumpChosen<number> {
    return { chosen: this.#choice, meta: { maxChannels: this.numChannels } };
  }
}
