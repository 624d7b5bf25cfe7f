import { expect, test } from 'vitest';
import { choleskyFactor, choleskyInverse, choleskySolve } from '../../src/recovery/cholesky.js';
import { seededRandom } from '../support/seeded-random.js';

const random = seededRandom(3);
const N = 37;
const COLUMNS = 5;

/** `BᵀB`, which is positive definite. */
function positiveDefinite(n: number): Float64Array {
  const b = Float64Array.from({ length: 2 * n * n }, () => random() - 0.5);
  const a = new Float64Array(n * n);
  for (let k = 0; k < 2 * n; k++) {
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i * n + j] += b[k * n + i] * b[k * n + j];
  }
  return a;
}

function product(a: Float64Array, b: Float64Array, n: number, columns: number): Float64Array {
  const c = new Float64Array(n * columns);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < n; k++) c[i * columns + j] += a[i * n + k] * b[k * columns + j];
  }
  return c;
}

const difference = (a: Float64Array, b: Float64Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

test('the factor solves, and inverts', () => {
  const a = positiveDefinite(N);
  const factor = choleskyFactor(a, N)!;
  const b = Float64Array.from({ length: N * COLUMNS }, () => random() - 0.5);
  expect(difference(product(a, choleskySolve(factor, N, b, COLUMNS), N, COLUMNS), b)).toBeLessThan(1e-10);
  const identity = Float64Array.from({ length: N * N }, (_, i) => (i % (N + 1) === 0 ? 1 : 0));
  expect(difference(product(a, choleskyInverse(factor, N), N, N), identity)).toBeLessThan(1e-10);
});

test.each([
  ['indefinite', [1, 2, 2, 1]],
  ['singular', [1, 1, 1, 1]],
  ['not finite', [Number.NaN, 0, 0, 1]],
])('a matrix that is %s has no factor', (_, a) => {
  expect(choleskyFactor(Float64Array.from(a), 2)).toBeUndefined();
});
