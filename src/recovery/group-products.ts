import type { Rows } from './rows.js';

/** Rows of so few numbers (a depthwise convolution's taps) are multiplied here: an engine would be called for each group. */
export const FEW_INPUTS = 64;

/** `xᵀx` and `xᵀz` of each group, `[groups, K, K]` and `[groups, K, M]`. */
export function groupProducts(x: Rows, z: Rows, groups: number): { xx: Float64Array; xz: Float64Array } {
  const [inputs, outputs] = [x.columns, z.columns];
  const xx = new Float64Array(groups * inputs * inputs);
  const xz = new Float64Array(groups * inputs * outputs);
  for (let g = 0; g < groups; g++) {
    addProducts(x, x, g, xx, true);
    addProducts(x, z, g, xz, false);
    const square = g * inputs * inputs;
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < i; j++) xx[square + j * inputs + i] = xx[square + i * inputs + j];
    }
  }
  return { xx, xz };
}

/** Adds `aᵀb` of group g; four rows at a time, so that sums are read and written once for all four. */
function addProducts(a: Rows, b: Rows, g: number, sums: Float64Array, isLower: boolean): void {
  const [p, q] = [a.data, b.data];
  const [n, m] = [a.columns, b.columns];
  const base = g * n * m;
  let r = 0;
  for (; r + 3 < a.rows; r += 4) {
    const x = (g * a.rows + r) * n;
    const z = (g * a.rows + r) * m;
    for (let i = 0; i < n; i++) {
      const [x0, x1, x2, x3] = [p[x + i], p[x + n + i], p[x + 2 * n + i], p[x + 3 * n + i]];
      const end = isLower ? i + 1 : m;
      const to = base + i * m;
      for (let j = 0; j < end; j++) {
        sums[to + j] += x0 * q[z + j] + x1 * q[z + m + j] + (x2 * q[z + 2 * m + j] + x3 * q[z + 3 * m + j]);
      }
    }
  }
  for (; r < a.rows; r++) {
    const x = (g * a.rows + r) * n;
    const z = (g * a.rows + r) * m;
    for (let i = 0; i < n; i++) {
      const end = isLower ? i + 1 : m;
      for (let j = 0; j < end; j++) sums[base + i * m + j] += p[x + i] * q[z + j];
    }
  }
}

/** What weights `[groups, K, M]` make of rows `[groups, rows, K]`. */
export function groupOutputs(x: Rows, weights: Rows, groups: number): Rows {
  const [inputs, outputs] = [x.columns, weights.columns];
  const data = new Float32Array(groups * x.rows * outputs);
  for (let g = 0, to = 0; g < groups; g++) {
    for (let r = 0; r < x.rows; r++) {
      const row = (g * x.rows + r) * inputs;
      for (let m = 0; m < outputs; m++) {
        let sum = 0;
        for (let k = 0; k < inputs; k++) sum += x.data[row + k] * weights.data[(g * inputs + k) * outputs + m];
        data[to++] = sum;
      }
    }
  }
  return { data, rows: x.rows, columns: outputs };
}
