import { dimProduct, missingSymbols, sameProduct } from '../dims.js';
import type { Shape } from '../graph.js';

/** Consecutive input axes `[inFrom, inTo)` and output axes `[outFrom, outTo)` that hold the same elements. */
export interface ReshapeBlock {
  readonly inFrom: number;
  readonly inTo: number;
  readonly outFrom: number;
  readonly outTo: number;
}

/**
 * Factors a reshape into its smallest blocks of equal product. Lone axes of extent 1 are blocks with nothing on the other
 * side. The shapes have equal products.
 * @example [N, 4, 7, 7] to [N, 196] gives the blocks [N | N] and [4 7 7 | 196]
 */
export function reshapeBlocks(from: Shape, to: Shape): ReshapeBlock[] {
  const blocks: ReshapeBlock[] = [];
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    const [inFrom, outFrom] = [i, j];
    const loneIn = i < from.length && from[i] === 1 && to[j] !== 1;
    const loneOut = !loneIn && j < to.length && to[j] === 1 && from[i] !== 1;
    if (!loneOut) i++;
    if (!loneIn) j++;
    if (!loneIn && !loneOut) {
      for (;;) {
        const left = dimProduct(from.slice(inFrom, i));
        const right = dimProduct(to.slice(outFrom, j));
        if (sameProduct(left, right)) break;
        const leftLacks = missingSymbols(left, right).length > 0;
        const rightLacks = missingSymbols(right, left).length > 0;
        const growLeft = leftLacks || (!rightLacks && left.coefficient < right.coefficient);
        const growRight = rightLacks || (!leftLacks && right.coefficient < left.coefficient);
        if (growLeft) i++;
        if (growRight) j++;
        if (i > from.length || j > to.length) {
          throw new RangeError(`shapes [${from}] and [${to}] do not hold the same elements`);
        }
      }
    }
    blocks.push({ inFrom, inTo: i, outFrom, outTo: j });
  }
  return blocks;
}
