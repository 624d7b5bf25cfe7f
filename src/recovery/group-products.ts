import type { Rows } from './rows.js';

/** Rows of so few numbers (a depthwise convolution's taps) are multiplied here: an engine would be called for each group. */
export const FEW_INPUTS = 64;

/** `xᵀx` and `xᵀz` of each group, `[groups, K, K]` and `[groups, K, M]`. */
export function groupProducts(x: Rows, z: Rows, groups: number): { xx: Float64Array; xz: Float64Array } {
  const [inputs, outputs] = [x.columns, z.columns];
  const xx = new Float64Array(groups * inputs * inputs);
  const xz = new Float64Array(groups * inputs * outputs);
  for (let g = 0; g < groups; g++) {
    const [square, oblong] = [g * inputs * inputs, g * inputs * outputs];
    for (let r = 0; r < x.rows; r++) {
      const row = (g * x.rows + r) * inputs;
      const wanted = (g * x.rows + r) * outputs;
      for (let i = 0; i < inputs; i++) {
        const value = x.data[row + i];
        if (value === 0) continue;
        for (let j = 0; j <= i; j++) xx[square + i * inputs + j] += value * x.data[row + j];
        for (let m = 0; m < outputs; m++) xz[oblong + i * outputs + m] += value * z.data[wanted + m];
      }
    }
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < i; j++) xx[square + j * inputs + i] = xx[square + i * inputs + j];
    }
  }
  return { xx, xz };
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
