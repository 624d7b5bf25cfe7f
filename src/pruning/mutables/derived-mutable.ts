import { makeDivisible } from './make-divisible.js';
import { countOnes, type DumpChosen, type MutableChannel } from './mutable-channel.js';

/** Gives the mask of a mutable: its current one, or one that is tried on it. */
export type MaskReader = (mutable: MutableChannel) => Uint8Array;

/**
 * A mutable that follows others: its mask is computed from theirs, so it has no choice of its own to set.
 */
export class DerivedMutable implements MutableChannel<Uint8Array> {
  readonly numChannels: number;
  readonly sources: readonly MutableChannel[];
  readonly #derive: (masks: readonly Uint8Array[]) => Uint8Array;

  /** @param derive the mask from those of the sources, in their order. */
  constructor(
    sources: readonly MutableChannel[],
    numChannels: number,
    derive: (masks: readonly Uint8Array[]) => Uint8Array,
  ) {
    this.sources = sources;
    this.numChannels = numChannels;
    this.#derive = derive;
  }

  get currentChoice(): Uint8Array {
    return this.currentMask;
  }

  get currentMask(): Uint8Array {
    return this.#derive(this.sources.map((source) => source.currentMask));
  }

  get activatedChannels(): number {
    return countOnes(this.currentMask);
  }

  get isFixed(): boolean {
    return this.sources.every((source) => source.isFixed);
  }

  /** The mask that this one would have if those that it follows in the end had the masks that `read` gives. */
  maskUnder(read: MaskReader): Uint8Array {
    return this.#derive(this.sources.map((source) => maskUnder(source, read)));
  }

  fixChosen(): void {
    for (const source of this.sources) source.fixChosen();
  }

  dumpChosen(): DumpChosen<Uint8Array> {
    return { chosen: this.currentMask, meta: { maxChannels: this.numChannels } };
  }
}

/** A mutable's mask when the mutables that it follows in the end (itself, where it follows none) have those of `read`. */
export function maskUnder(mutable: MutableChannel, read: MaskReader): Uint8Array {
  return mutable instanceof DerivedMutable ? mutable.maskUnder(read) : read(mutable);
}

/** The mutables that one follows in the end, each once: those that have choices of their own. */
export function sourcesOf(mutable: MutableChannel): MutableChannel[] {
  return mutable instanceof DerivedMutable ? [...new Set(mutable.sources.flatMap(sourcesOf))] : [mutable];
}

/** Position i of the derived mask is the source's channel `positions[i]`: any repetition or permutation. */
export function deriveIndexed(source: MutableChannel, positions: Int32Array): DerivedMutable {
  return new DerivedMutable([source], positions.length, ([mask]) => Uint8Array.from(positions, (c) => mask[c]));
}

/**
 * Repeats each bit of the source `ratio` times in a row, as a channels-first flatten does with spatial positions.
 * @throws RangeError for a ratio that is no whole number of times.
 * @example expandMutableChannel(source of mask 1001, 3).currentMask // 111000000111
 */
export function expandMutableChannel(source: MutableChannel, ratio: number): DerivedMutable {
  if (!Number.isInteger(ratio) || ratio < 1) {
    throw new RangeError(`channels are repeated a whole number of times, got ${ratio}`);
  }
  const positions = Int32Array.from({ length: source.numChannels * ratio }, (_, i) => Math.floor(i / ratio));
  return deriveIndexed(source, positions);
}

/** The same mask again. */
export function deriveSame(source: MutableChannel): DerivedMutable {
  return new DerivedMutable([source], source.numChannels, ([mask]) => mask);
}

/** The masks of several mutables, one after the other, as a concatenation has them. */
export function deriveConcat(sources: readonly MutableChannel[]): DerivedMutable {
  const starts: number[] = [];
  let length = 0;
  for (const { numChannels } of sources) {
    starts.push(length);
    length += numChannels;
  }
  return new DerivedMutable(sources, length, (masks) => {
    const joined = new Uint8Array(length);
    masks.forEach((mask, i) => {
      joined.set(mask, starts[i]);
    });
    return joined;
  });
}

/**
 * The first `floor(kept · ratio)` of `floor(channels · ratio)` channels: an expansion layer's width after its input's.
 * @throws RangeError for a ratio that leaves no channel.
 * @example deriveExpand(source of mask 111100, 1.5).currentMask // 111111000
 */
export function deriveExpand(source: MutableChannel, ratio: number): DerivedMutable {
  return deriveFirst(source, (count) => Math.trunc(count * ratio));
}

/**
 * The first channels of a width `ratio` times smaller, both numbers made divisible (see {@link makeDivisible}).
 * @param divisor as the original has it, 8 where nothing else is said.
 * @throws RangeError for a ratio or divisor that leaves no channel.
 * @example deriveDivide(source of mask 111100, 2, 1).currentMask // 110
 */
export function deriveDivide(source: MutableChannel, ratio: number, divisor = 8): DerivedMutable {
  const rounding = { divisor, min_value: null, min_ratio: 0.9 };
  return deriveFirst(source, (count) => makeDivisible(Math.floor(count / ratio), rounding));
}

function deriveFirst(source: MutableChannel, widthOf: (count: number) => number): DerivedMutable {
  const numChannels = widthOf(source.numChannels);
  if (!Number.isInteger(numChannels) || numChannels < 1) {
    throw new RangeError(
      `a width of ${numChannels} channels is derived from ${source.numChannels}, at least 1 is needed`,
    );
  }
  return new DerivedMutable([source], numChannels, ([mask]) =>
    new Uint8Array(numChannels).fill(1, 0, widthOf(countOnes(mask))),
  );
}
