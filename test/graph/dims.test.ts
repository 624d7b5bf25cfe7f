import { describe, expect, test } from 'vitest';
import { countedElements, dimProduct, divideProducts, sameProduct, toDim } from '../../src/graph/dims.js';

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
