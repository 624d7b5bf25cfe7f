import { SimpleMutableChannel } from '../../src/pruning/index.js';

/** A mutable with this mask. */
export function simpleMutable(...mask: number[]): SimpleMutableChannel {
  const mutable = new SimpleMutableChannel(mask.length);
  mutable.currentChoice = Uint8Array.from(mask);
  return mutable;
}
