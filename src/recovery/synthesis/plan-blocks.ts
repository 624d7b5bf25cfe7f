import { guessedMemory, toldMemory, valueBytes } from '../../engine/run-memory.js';
import type { SampleMover } from './sample-mover.js';

/**
 * How many samples go through at once: all of them, or as many as fit, in blocks that differ by one at most.
 * @returns the size of each block; none where not even one sample fits, with what that one takes
 */
export function planBlocks(
  { step, compiled }: SampleMover,
  count: number,
  limitBytes: number,
): { readonly sizes: readonly number[] } | { readonly oneTakes: number } {
  const takes = (samples: number): number =>
    toldMemory(step.graph, compiled, samples) ?? guessedMemory(valueBytes(step.graph, samples));
  for (let blocks = 1; blocks < 2 * count; blocks *= 2) {
    const largest = Math.ceil(count / blocks);
    const needed = takes(largest);
    if (needed <= limitBytes) return { sizes: shares(count, Math.ceil(count / largest)) };
    if (largest === 1) return { oneTakes: needed };
  }
  throw new Error(`${count} samples can't be divided`);
}

function shares(count: number, blocks: number): number[] {
  return Array.from(
    { length: blocks },
    (_, i) => Math.floor(((i + 1) * count) / blocks) - Math.floor((i * count) / blocks),
  );
}
