import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planArena } from '../../../../src/engine/native/plan/arena.js';
import type { Instruction } from '../../../../src/engine/native/plan/instruction.js';
import type { Buffer } from '../../../../src/engine/native/plan/view.js';

const buffer = (bytes: number): Buffer => ({ bytes, place: 'arena', at: 0 });

const instruction = (reads: Buffer[], writes: Buffer[], inPlace: [Buffer, Buffer][] = []): Instruction => {
  return { operation: 'map', words: [], reads, writes, inPlace, label: '' };
};

/** Each instruction writes one buffer and reads some of those before, the first of them in place if it may. */
const programs = fc
  .array(fc.record({ kib: fc.integer({ min: 1, max: 4 }), reads: fc.array(fc.nat(), { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 30,
  })
  .map((steps) => {
    const made: Buffer[] = [];
    return steps.map(({ kib, reads }): Instruction => {
      const from = made.length === 0 ? [] : reads.map((i) => made[i % made.length]);
      const to = buffer(kib * 1024);
      made.push(to);
      return instruction(from, [to], from.length > 0 ? [[from[0], to]] : []);
    });
  });

test('what an instruction reads is what was written there, and nothing reaches beyond the arena', () => {
  fc.assert(
    fc.property(programs, (program) => {
      const { offsets, bytes } = planArena(program);
      /** By KiB of the arena: the buffer that was written last. */
      const memory = new Array<Buffer | undefined>(Math.ceil(bytes / 1024));
      const cells = (b: Buffer) => memory.slice(offsets.get(b)! / 1024, (offsets.get(b)! + b.bytes) / 1024);
      for (const { reads, writes } of program) {
        for (const read of reads) expect(cells(read).every((b) => b === read)).toBe(true);
        for (const written of writes) {
          expect(offsets.get(written)! + written.bytes).toBeLessThanOrEqual(bytes);
          memory.fill(written, offsets.get(written)! / 1024, (offsets.get(written)! + written.bytes) / 1024);
        }
      }
    }),
  );
});

test('memory is used again once nothing reads what it holds, and in place where it may be', () => {
  const [a, b, c] = [buffer(1024), buffer(1024), buffer(1024)];
  const chain = [instruction([], [a]), instruction([a], [b]), instruction([b], [c]), instruction([c], [])];
  expect(planArena(chain).bytes).toBe(2048);
  const inPlace = [instruction([], [a]), instruction([a], [b], [[a, b]]), instruction([b], [c], [[b, c]])];
  expect(planArena(inPlace).bytes).toBe(1024);
});

test('an operand that is read again later is not written over', () => {
  const [a, b] = [buffer(1024), buffer(1024)];
  const program = [instruction([], [a]), instruction([a], [b], [[a, b]]), instruction([a, b], [])];
  expect(planArena(program).bytes).toBe(2048);
});

test('an operand that the same instruction reads in another way too is not written over', () => {
  const [a, b] = [buffer(1024), buffer(1024)];
  const program = [instruction([], [a]), instruction([a, a], [b], [[a, b]]), instruction([b], [])];
  expect(planArena(program).bytes).toBe(2048);
  const twice: [Buffer, Buffer][] = [
    [a, b],
    [a, b],
  ];
  expect(planArena([instruction([], [a]), instruction([a, a], [b], twice)]).bytes).toBe(1024);
});

test('nor is one of another size, of which only a part is read', () => {
  const [a, b] = [buffer(60), buffer(40)];
  expect(planArena([instruction([], [a]), instruction([a], [b], [[a, b]])]).bytes).toBe(128);
});
