import { addToPair, addToRow } from './products-of-rows.js';
import { atOnce, type InPieces } from './work.js';

/**
 * The lower factor L of a symmetric positive definite matrix, `A = L·Lᵀ`, in double precision.
 * @param a `[n, n]`, row-major; only its lower triangle is read
 * @returns `[n, n]`, row-major, zero above the diagonal; undefined for a matrix that is not positive definite
 */
export function choleskyFactor(a: Float64Array, n: number): Float64Array | undefined {
  return atOnce(factorInPieces(new Float64Array(a), n));
}

/** {@link choleskyFactor}, a few rows at a time; the factor is written over the matrix. */
export function* factorInPieces(l: Float64Array, n: number): InPieces<Float64Array | undefined> {
  for (let i = 0; i < n; i += 2) {
    const rows = Math.min(2, n - i);
    for (let j = 0; j < i; j += 2) eliminatePair(l, n, i, j, rows);
    for (let r = i; r < i + rows; r++) {
      for (let j = i; j < r; j++) l[r * n + j] = (l[r * n + j] - dot(l, r * n, j * n, j)) / l[j * n + j];
      const rest = l[r * n + r] - dot(l, r * n, r * n, r);
      if (!(rest > 0)) return undefined;
      l[r * n + r] = Math.sqrt(rest);
      l.fill(0, r * n + r + 1, (r + 1) * n);
    }
    yield i * i;
  }
  return l;
}

/** Two rows' entries of two columns: four products of rows at once, since every number that is read then serves twice. */
function eliminatePair(l: Float64Array, n: number, i: number, j: number, rows: number): void {
  const [top, left, right] = [i * n, j * n, (j + 1) * n];
  const low = rows === 2 ? top + n : top;
  let [tl, tr, bl, br] = [0, 0, 0, 0];
  for (let k = 0; k < j; k++) {
    const t = l[top + k];
    const b = l[low + k];
    const p = l[left + k];
    const q = l[right + k];
    tl += t * p;
    tr += t * q;
    bl += b * p;
    br += b * q;
  }
  const [first, second, under] = [l[left + j], l[right + j + 1], l[right + j]];
  const settle = (row: number, l0: number, l1: number): void => {
    l[row + j] = (l[row + j] - l0) / first;
    l[row + j + 1] = (l[row + j + 1] - l1 - l[row + j] * under) / second;
  };
  settle(top, tl, tr);
  if (rows === 2) settle(low, bl, br);
}

/**
 * Solves `L·Lᵀ·X = B`.
 * @param factor of {@link choleskyFactor}
 * @param b `[n, columns]`, row-major; left as it is
 * @returns X, `[n, columns]`
 */
export function choleskySolve(factor: Float64Array, n: number, b: Float64Array, columns: number): Float64Array {
  return atOnce(solveInPieces(factor, n, b, columns));
}

/** {@link choleskySolve}, a row at a time. */
export function* solveInPieces(
  factor: Float64Array,
  n: number,
  b: Float64Array,
  columns: number,
): InPieces<Float64Array> {
  const x = new Float64Array(b);
  const below = { rows: x, start: 0, factors: factor, step: 1, sign: -1 } as const;
  const divide = (i: number): void => divideRow(x, i * columns, factor[i * n + i], columns);
  for (let i = 0; i < n; i += 2) {
    if (i + 1 === n) addToRow(x, columns, i, i * n, { ...below, count: i });
    else addToPair(x, columns, [i, i + 1], [i * n, (i + 1) * n], { ...below, count: i });
    divide(i);
    if (i + 1 === n) break;
    addToRow(x, columns, i + 1, (i + 1) * n + i, { ...below, start: i, count: 1 });
    divide(i + 1);
    yield 2 * i * columns;
  }
  const above = { rows: x, factors: factor, step: n, sign: -1 } as const;
  for (let i = n - 1; i >= 0; i -= 2) {
    const [start, count] = [i + 1, n - 1 - i];
    if (i === 0) addToRow(x, columns, i, start * n, { ...above, start, count });
    else addToPair(x, columns, [i, i - 1], [start * n + i, start * n + i - 1], { ...above, start, count });
    divide(i);
    if (i === 0) break;
    addToRow(x, columns, i - 1, i * n + i - 1, { ...above, start: i, count: 1 });
    divide(i - 1);
    yield 2 * count * columns;
  }
  return x;
}

/** The inverse of the matrix whose factor this is, `[n, n]`. */
export function choleskyInverse(factor: Float64Array, n: number): Float64Array {
  const identity = new Float64Array(n * n);
  for (let i = 0; i < n; i++) identity[i * n + i] = 1;
  return choleskySolve(factor, n, identity, n);
}

/** Four sums, so that an addition need not wait for the one before. */
function dot(l: Float64Array, i: number, j: number, length: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let k = 0;
  for (const end = length - 3; k < end; k += 4) {
    a += l[i + k] * l[j + k];
    b += l[i + k + 1] * l[j + k + 1];
    c += l[i + k + 2] * l[j + k + 2];
    d += l[i + k + 3] * l[j + k + 3];
  }
  for (; k < length; k++) a += l[i + k] * l[j + k];
  return a + b + (c + d);
}

function divideRow(x: Float64Array, at: number, divisor: number, columns: number): void {
  for (let c = 0; c < columns; c++) x[at + c] /= divisor;
}

/** The share of the mean variance that is added to each, so that a covariance has an inverse. */
const DAMPING = 1e-3;

/** Makes a covariance `[n, n]` one that has an inverse; in place. @returns whether anything varies */
export function damp(covariance: Float64Array, n: number): boolean {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += covariance[i * n + i];
  for (let i = 0; i < n; i++) covariance[i * n + i] += (DAMPING * trace) / n;
  return trace > 0;
}
