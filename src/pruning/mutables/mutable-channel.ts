/** What a mutable was fixed to, for a record: the choice and the width it was chosen from. */
export interface DumpChosen<C = unknown> {
  readonly chosen: C;
  readonly meta: { readonly maxChannels: number };
}

/**
 * A mask over a range of channels: 1 keeps a channel, 0 removes it. What a *choice* is (a number, a mask) is the
 * implementation's business.
 */
export interface MutableChannel<C = unknown> {
  readonly numChannels: number;
  readonly currentChoice: C;
  /** One byte a channel, 0 or 1. Not to be changed by the reader. */
  readonly currentMask: Uint8Array;
  /** How many channels the mask keeps. */
  readonly activatedChannels: number;
  readonly isFixed: boolean;
  /** Makes the current choice final: changing it afterwards throws. */
  fixChosen(): void;
  dumpChosen(): DumpChosen<C>;
}

/** The number of ones of a mask. */
export function countOnes(mask: Uint8Array): number {
  let n = 0;
  for (let i = 0; i < mask.length; i++) n += mask[i];
  return n;
}

/** The indices that a mask keeps, ascending. */
export function keptOfMask(mask: Uint8Array): Int32Array {
  const kept = new Int32Array(countOnes(mask));
  for (let i = 0, k = 0; i < mask.length; i++) if (mask[i]) kept[k++] = i;
  return kept;
}
