/** Rows of a matrix `[…, columns]`, row-major, from `start` on, and what each is multiplied by: every `step`th of the factors. */
export interface Multiples {
  readonly rows: Float64Array;
  readonly start: number;
  readonly count: number;
  readonly factors: Float64Array;
  readonly step: number;
  readonly sign: 1 | -1;
}

/**
 * Adds multiples of rows to two rows of a matrix, which may be of the same matrix: `to[row] += sign · Σ_k factors[first + k·step] ·
 * rows[start + k]`. Two rows of sums and four of summands at a time, since numbers that are read serve twice then.
 * @param first by row, where its factors begin
 */
export function addToPair(
  to: Float64Array,
  columns: number,
  [upper, lower]: readonly [number, number],
  [firstUpper, firstLower]: readonly [number, number],
  { rows, start, count, factors, step, sign }: Multiples,
): void {
  const [up, low] = [upper * columns, lower * columns];
  let k = 0;
  for (; k + 3 < count; k += 4) {
    const u = firstUpper + k * step;
    const l = firstLower + k * step;
    const [u0, u1, u2, u3] = [factors[u], factors[u + step], factors[u + 2 * step], factors[u + 3 * step]];
    const [l0, l1, l2, l3] = [factors[l], factors[l + step], factors[l + 2 * step], factors[l + 3 * step]];
    let at = (start + k) * columns;
    for (let c = 0; c < columns; c++, at++) {
      const p = rows[at];
      const q = rows[at + columns];
      const r = rows[at + 2 * columns];
      const s = rows[at + 3 * columns];
      to[up + c] += sign * (u0 * p + u1 * q + (u2 * r + u3 * s));
      to[low + c] += sign * (l0 * p + l1 * q + (l2 * r + l3 * s));
    }
  }
  for (; k < count; k++) {
    const u = sign * factors[firstUpper + k * step];
    const l = sign * factors[firstLower + k * step];
    const at = (start + k) * columns;
    for (let c = 0; c < columns; c++) {
      const value = rows[at + c];
      to[up + c] += u * value;
      to[low + c] += l * value;
    }
  }
}

/** The same for one row. */
export function addToRow(to: Float64Array, columns: number, row: number, first: number, multiples: Multiples): void {
  const { rows, start, count, factors, step, sign } = multiples;
  const to0 = row * columns;
  for (let k = 0; k < count; k++) {
    const factor = sign * factors[first + k * step];
    const at = (start + k) * columns;
    for (let c = 0; c < columns; c++) to[to0 + c] += factor * rows[at + c];
  }
}
