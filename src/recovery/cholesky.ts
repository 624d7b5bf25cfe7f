/**
 * The lower factor L of a symmetric positive definite matrix, `A = L·Lᵀ`, in double precision.
 * @param a `[n, n]`, row-major; only its lower triangle is read
 * @returns `[n, n]`, row-major, zero above the diagonal; undefined for a matrix that is not positive definite
 */
export function choleskyFactor(a: Float64Array, n: number): Float64Array | undefined {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i += 2) {
    const rows = Math.min(2, n - i);
    for (let j = 0; j < i; j += 2) eliminatePair(l, a, n, i, j, rows);
    for (let r = i; r < i + rows; r++) {
      for (let j = i; j < r; j++) l[r * n + j] = (a[r * n + j] - dot(l, r * n, j * n, j)) / l[j * n + j];
      const rest = a[r * n + r] - dot(l, r * n, r * n, r);
      if (!(rest > 0)) return undefined;
      l[r * n + r] = Math.sqrt(rest);
    }
  }
  return l;
}

/** Two rows' entries of two columns: four products of rows at once, since every number that is read then serves twice. */
function eliminatePair(l: Float64Array, a: Float64Array, n: number, i: number, j: number, rows: number): void {
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
    l[row + j] = (a[row + j] - l0) / first;
    l[row + j + 1] = (a[row + j + 1] - l1 - l[row + j] * under) / second;
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
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) subtractRow(x, i * columns, k * columns, factor[i * n + k], columns);
    divideRow(x, i * columns, factor[i * n + i], columns);
  }
  for (let i = n - 1; i >= 0; i--) {
    divideRow(x, i * columns, factor[i * n + i], columns);
    for (let k = 0; k < i; k++) subtractRow(x, k * columns, i * columns, factor[i * n + k], columns);
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

function subtractRow(x: Float64Array, to: number, from: number, factor: number, columns: number): void {
  if (factor === 0) return;
  for (let c = 0; c < columns; c++) x[to + c] -= factor * x[from + c];
}

function divideRow(x: Float64Array, at: number, divisor: number, columns: number): void {
  for (let c = 0; c < columns; c++) x[at + c] /= divisor;
}
