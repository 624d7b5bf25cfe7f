import { aligned } from './data-block.js';
import type { Instruction } from './instruction.js';
import type { Buffer } from './view.js';

export interface ArenaPlan {
  /** Bytes from the start of the arena. */
  readonly offsets: ReadonlyMap<Buffer, number>;
  readonly bytes: number;
}

interface Block {
  readonly bytes: number;
  first: number;
  last: number;
  readonly buffers: Buffer[];
  offset: number;
}

/**
 * Places every buffer of the arena so that those alive at the same instruction don't overlap: the largest first, each at the
 * lowest place that is free during its life. A buffer whose life ends where an instruction may write over it goes on as
 * that instruction's result.
 */
export function planArena(instructions: readonly Instruction[]): ArenaPlan {
  const blocks = findBlocks(instructions);
  const placed: Block[] = [];
  let bytes = 0;
  for (const block of [...new Set(blocks.values())].toSorted((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    block.offset = lowestFree(block, placed);
    bytes = Math.max(bytes, block.offset + block.bytes);
    const at = placed.findIndex((other) => other.offset > block.offset);
    placed.splice(at < 0 ? placed.length : at, 0, block);
  }
  return { offsets: new Map([...blocks].map(([buffer, block]) => [buffer, block.offset])), bytes };
}

/** `placed` is sorted by offset. */
function lowestFree(block: Block, placed: readonly Block[]): number {
  let at = 0;
  for (const other of placed) {
    if (other.first > block.last || other.last < block.first) continue;
    if (other.offset >= at + block.bytes) break;
    at = Math.max(at, other.offset + other.bytes);
  }
  return at;
}

function findBlocks(instructions: readonly Instruction[]): Map<Buffer, Block> {
  const blocks = new Map<Buffer, Block>();
  instructions.forEach(({ reads, writes }, position) => {
    for (const buffer of [...reads, ...writes]) {
      if (buffer.place !== 'arena') continue;
      const block = blocks.get(buffer);
      if (block) block.last = position;
      else
        blocks.set(buffer, {
          bytes: aligned(buffer.bytes),
          first: position,
          last: position,
          buffers: [buffer],
          offset: 0,
        });
    }
  });
  instructions.forEach(({ reads, inPlace }, position) => {
    const taken = new Set<Block>();
    for (const [read, written] of inPlace) {
      const [from, to] = [blocks.get(read), blocks.get(written)];
      if (!from || !to || from === to || read.bytes !== written.bytes || taken.has(from)) continue;
      // As another operand of the same instruction it may still be read where that has already written.
      const allowed = inPlace.filter(([r, w]) => r === read && w === written).length;
      if (reads.filter((other) => other === read).length > allowed) continue;
      if (from.last !== position || to.first !== position) continue;
      taken.add(from);
      from.last = to.last;
      from.buffers.push(...to.buffers);
      for (const buffer of to.buffers) blocks.set(buffer, from);
    }
  });
  return blocks;
}
