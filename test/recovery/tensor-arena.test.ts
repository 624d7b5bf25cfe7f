import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { TensorArena } from '../../src/recovery/tensor-arena.js';

const template = (length: number): Tensor => tensor('float32', [length], new Float32Array(length));

test('tensors that live never share memory, whatever was given back before', () => {
  const step = fc.record({ length: fc.integer({ min: 0, max: 3_000_000 }), gives: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const arena = new TensorArena();
      const live: { tensor: Tensor; mark: number }[] = [];
      steps.forEach(({ length, gives }, mark) => {
        const made = arena.like(template(length));
        expect([made.dtype, made.shape, made.data.length]).toEqual(['float32', [length], length]);
        (made.data as Float32Array).fill(mark);
        live.push({ tensor: made, mark });
        if (gives % 2 === 0) arena.give(live.splice(gives % live.length, 1)[0].tensor);
      });
      for (const {
        tensor: { data },
        mark,
      } of live) {
        expect([data[0] ?? mark, data.at(-1) ?? mark]).toEqual([mark, mark]);
      }
    }),
    { numRuns: 30 },
  );
});

test('memory is used again: for tensors of other sizes, too', () => {
  const arena = new TensorArena();
  const buffers = new Set<ArrayBufferLike>();
  for (let turn = 0; turn < 20; turn++) {
    const made = [1000, 50_000, 300].map((length) => arena.like(template(length + turn)));
    for (const { data } of made) buffers.add(data.buffer);
    for (const own of made) arena.give(own);
  }
  expect(buffers.size).toBe(1);
});

test('what is not of the arena is left alone', () => {
  const arena = new TensorArena();
  arena.give(template(10));
  const whole = arena.like({ dtype: 'int64', shape: [2], data: new BigInt64Array(2) });
  expect(whole).toEqual({ dtype: 'int64', shape: [2], data: new BigInt64Array(2) });
});
