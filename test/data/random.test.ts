import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom, shuffledOrder } from '../../src/data/index.js';

test('a generator goes on from its state', () => {
  const random = seededRandom(3);
  for (let i = 0; i < 10; i++) random();
  const resumed = seededRandom(JSON.parse(JSON.stringify(random.state())));
  expect(Array.from({ length: 20 }, resumed)).toEqual(Array.from({ length: 20 }, random));
});

test('numbers are spread over [0, 1)', () => {
  const random = seededRandom(1);
  const bins = new Array(16).fill(0);
  for (let i = 0; i < 16_000; i++) bins[Math.floor(random() * 16)]++;
  for (const count of bins) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test('the generator is xoshiro128**', () => {
  // The first outputs of Blackman and Vigna's C code from the state 1, 2, 3, 4.
  const random = seededRandom([1, 2, 3, 4]);
  expect(Array.from({ length: 4 }, () => random() * 2 ** 32)).toEqual([11520, 0, 5927040, 70819200]);
});

test('a shuffle is a permutation, and depends on seed and epoch', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.integer(), fc.nat(100), (n, seed, epoch) => {
      const order = shuffledOrder(n, seed, epoch);
      expect([...order].sort((a, b) => a - b)).toEqual([...Array(n).keys()]);
      expect([...shuffledOrder(n, seed, epoch)]).toEqual([...order]);
      if (n > 20) expect([...shuffledOrder(n, seed, epoch + 1)]).not.toEqual([...order]);
    }),
  );
});
