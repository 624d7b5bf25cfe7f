import { countOnes, type DumpChosen, type MutableChannel } from './mutable-channel.js';

interface Registration {
  readonly start: number;
  readonly end: number;
  readonly mutable: MutableChannel;
}

/**
 * The channels of one side of a layer: concatenates the masks of the mutables registered on ranges of it. What nobody
 * registered (at the start, in the middle, at the end) is kept.
 */
export class MutableChannelContainer implements MutableChannel<Uint8Array> {
  readonly numChannels: number;
  readonly #registrations: Registration[] = [];

  constructor(numChannels: number) {
    this.numChannels = numChannels;
  }

  /**
   * Puts a mutable on `[start, start + mutable.numChannels)`.
   * @throws RangeError when the range leaves the container or overlaps one registered before.
   */
  register(start: number, mutable: MutableChannel): void {
    const end = start + mutable.numChannels;
    if (!Number.isInteger(start) || start < 0 || end > this.numChannels) {
      throw new RangeError(`range [${start}, ${end}) leaves a container of ${this.numChannels} channels`);
    }
    for (const other of this.#registrations) {
      if (start < other.end && other.start < end) {
        throw new RangeError(`range [${start}, ${end}) overlaps [${other.start}, ${other.end}), registered before`);
      }
    }
    this.#registrations.push({ start, end, mutable });
    this.#registrations.sort((a, b) => a.start - b.start);
  }

  /** The registered ranges in order. */
  get registrations(): readonly Registration[] {
    return this.#registrations;
  }

  get currentChoice(): Uint8Array {
    return this.currentMask;
  }

  get currentMask(): Uint8Array {
    const mask = new Uint8Array(this.numChannels).fill(1);
    for (const { start, mutable } of this.#registrations) mask.set(mutable.currentMask, start);
    return mask;
  }

  get activatedChannels(): number {
    return countOnes(this.currentMask);
  }

  /** True when every registered mutable is fixed. */
  get isFixed(): boolean {
    return this.#registrations.every(({ mutable }) => mutable.isFixed);
  }

  fixChosen(): void {
    for (const { mutable } of this.#registrations) mutable.fixChosen();
  }

  dumpChosen(): DumpChosen<Uint8Array> {
    return { chosen: this.currentMask, meta: { maxChannels: this.numChannels } };
  }
}
