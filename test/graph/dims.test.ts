import { describe, expect, test } from 'vitest';
import {
  countedElements,
  dimProduct,
  divideProducts,
  getExtent,
  getExtents,
  matchExtents,
  sameProduct,
  toDim,
} from '../../src/graph/dims.js';

describe('products of dimensions', () => {
  test('carry symbols', () => {
    expect(toDim(dimProduct(['N', 4, 8]))).toBe('32*N');
    expect(toDim(dimProduct(['N']))).toBe('N');
    expect(toDim(dimProduct([3, 4]))).toBe(12);
    expect(toDim(dimProduct(['2*N', 'H', 3]))).toBe('6*H*N');
    expect(toDim(dimProduct([]))).toBe(1);
  });
  test('divide where the quotient is whole', () => {
    const divide = (a: (number | string)[], b: (number | string)[]) => divideProducts(dimProduct(a), dimProduct(b));
    expect(toDim(divide(['8*N'], [4])!)).toBe('2*N');
    expect(toDim(divide(['8*N'], ['N', 2])!)).toBe(4);
    expect(divide(['N', 4], [8])).toBeUndefined();
    expect(divide([4], ['N'])).toBeUndefined();
    expect(divide(['N'], ['N', 'N'])).toBeUndefined();
  });
  test('compare, and count a sample', () => {
    expect(sameProduct(dimProduct(['N', 6]), dimProduct([2, '3*N']))).toBe(true);
    expect(sameProduct(dimProduct(['N', 6]), dimProduct([6]))).toBe(false);
    expect(countedElements(['N', 3, 4])).toBe(12);
  });
});

describe('extents', () => {
  test('are given where they are known, and asked for by name', () => {
    expect(getExtents([2, 3])).toEqual([2, 3]);
    expect(() => getExtents(['N', 3])).toThrow('shape [N, 3] has an extent that is not known');
    expect(getExtent(['N', 3], -1)).toBe(3);
    expect(() => getExtent(['N', 3], 0)).toThrow('axis 0 of shape [N, 3] has no known extent');
    expect(() => getExtent([3], 1)).toThrow('axis 1 of shape [3] has no known extent');
  });
  test('match a shape when a symbol stands for one of them everywhere', () => {
    const symbols = new Map<string, number>();
    expect(matchExtents(['N', 3, 'N'], [2, 3, 2], symbols)).toBe(true);
    expect(symbols).toEqual(new Map([['N', 2]]));
    expect(matchExtents(['N'], [3], symbols)).toBe(false);
    expect(matchExtents([3, 'M'], [3], symbols)).toBe(false);
    expect(matchExtents([3, 'M'], [4, 1], symbols)).toBe(false);
  });
});
