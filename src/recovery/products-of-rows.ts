/**
 * Adds multiples of the rows of a matrix to a row of another: `to[row] += sign · Σ_k factors[first + k·step] · from[start + k]`,
 * k from 0 to `count`. Four at a time, so that the sum is read and written once for all four.
 * @param to,from `[…, columns]`, row-major; may be the same, for other rows
 */
export function addProducts(
  to: Float64Array,
  row: number,
  columns: number,
  sign: 1 | -1,
  factors: Float64Array,
  first: number,
  step: number,
  from: Float64Array,
  start: number,
  count: number,
): void {
  const at = row * columns;
  let k = 0;
  for (; k + 3 < count; k += 4) {
    const f = first + k * step;
    const [p, q] = [sign * factors[f], sign * factors[f + step]];
    const [r, s] = [sign * factors[f + 2 * step], sign * factors[f + 3 * step]];
    const top = (start + k) * columns;
    for (let c = 0; c < columns; c++) {
      const i = top + c;
      to[at + c] +=
        p * from[i] + q * from[i + columns] + (r * from[i + 2 * columns] + s * from[i + 3 * columns]);
    }
  }
  for (; k < count; k++) {
    const f = sign * factors[first + k * step];
    const top = (start + k) * columns;
    for (let c = 0; c < columns; c++) to[at + c] += f * from[top + c];
  }
}
