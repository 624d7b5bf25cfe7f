import { choleskyFactor, choleskySolve } from './cholesky.js';
import type { Moments } from './moments.js';

/** Columns of weights, `[K, M]` row-major. */
export type Columns = Float64Array;

/**
 * Least squares: the weights Θ that give z from x with the least error, `Θ = Θ₀ + (A + λ·mean(diag A)·I)⁻¹(C − A·Θ₀)`, A and C the
 * moments `xx` and `xz` (RECOVERY.md 1). The offset is another matter.
 */
export class Ridge {
  readonly #moments: Moments;
  readonly #anchor: Columns;
  readonly #missed: Columns;

  /** @param anchor Θ₀: what the weights are where nothing speaks for others */
  constructor(moments: Moments, anchor: Columns) {
    const { inputs, outputs, xx, xz } = moments;
    const made = multiply(xx, anchor, inputs, outputs);
    this.#moments = moments;
    this.#anchor = anchor;
    this.#missed = xz.map((c, i) => c - made[i]);
  }

  /**
   * @param lambda how strongly the weights are held to the anchor, as a share of the mean variance of the inputs
   * @returns undefined where the moments have no inverse: inputs that are all constant, say
   */
  solve(lambda: number): Columns | undefined {
    const { inputs, outputs, xx } = this.#moments;
    let trace = 0;
    for (let i = 0; i < inputs; i++) trace += xx[i * inputs + i];
    if (!(trace > 0) || !Number.isFinite(trace)) return undefined;
    const a = Float64Array.from(xx);
    const ridge = (lambda * trace) / inputs;
    for (let i = 0; i < inputs; i++) a[i * inputs + i] += ridge;
    const factor = choleskyFactor(a, inputs);
    if (!factor) return undefined;
    const solved = choleskySolve(factor, inputs, this.#missed, outputs);
    return solved.map((value, i) => this.#anchor[i] + value);
  }
}

/** Sums of squares of what weights make of the inputs, about its mean, `Σ(y − ȳ)² = diag(ΘᵀAΘ)`, `[M]`. */
export function outputSpread({ inputs, outputs, xx }: Moments, theta: Columns): Float64Array {
  const product = multiply(xx, theta, inputs, outputs);
  return diagonal(theta, product, inputs, outputs);
}

/** The mean over rows of the squared error of weights and an offset, summed over the outputs. */
export function squaredError(moments: Moments, theta: Columns, offset: Float64Array): number {
  const { count, inputs, outputs, xz, zz, zMean } = moments;
  const spread = outputSpread(moments, theta);
  const joint = diagonal(theta, xz, inputs, outputs);
  const mean = meanOutput(moments, theta);
  let error = 0;
  for (let m = 0; m < outputs; m++) {
    const off = zMean[m] - mean[m] - offset[m];
    error += (zz[m] - 2 * joint[m] + spread[m]) / count + off * off;
  }
  return error;
}

/** What weights make of the mean input, `Θᵀx̄`, `[M]`. */
export function meanOutput({ inputs, outputs, xMean }: Moments, theta: Columns): Float64Array {
  const mean = new Float64Array(outputs);
  for (let k = 0; k < inputs; k++) for (let m = 0; m < outputs; m++) mean[m] += xMean[k] * theta[k * outputs + m];
  return mean;
}

/** Moments about 0, for a layer that has no offset: the means are 0 then. */
export function aboutZero(moments: Moments): Moments {
  const { count, inputs, outputs, xMean, zMean } = moments;
  const xx = Float64Array.from(moments.xx);
  const xz = Float64Array.from(moments.xz);
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < inputs; j++) xx[i * inputs + j] += count * xMean[i] * xMean[j];
    for (let j = 0; j < outputs; j++) xz[i * outputs + j] += count * xMean[i] * zMean[j];
  }
  const zz = moments.zz.map((sum, j) => sum + count * zMean[j] * zMean[j]);
  return { count, inputs, outputs, xx, xz, zz, xMean: new Float64Array(inputs), zMean: new Float64Array(outputs) };
}

/** `A·B`, A `[n, n]`, B `[n, columns]`. */
export function multiply(a: Float64Array, b: Float64Array, n: number, columns: number): Float64Array {
  const product = new Float64Array(n * columns);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k];
      if (factor === 0) continue;
      const from = k * columns;
      const to = i * columns;
      for (let c = 0; c < columns; c++) product[to + c] += factor * b[from + c];
    }
  }
  return product;
}

/** The diagonal of `AᵀB`, both `[n, columns]`. */
function diagonal(a: Float64Array, b: Float64Array, n: number, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  for (let i = 0, at = 0; i < n; i++) for (let c = 0; c < columns; c++, at++) sums[c] += a[at] * b[at];
  return sums;
}
