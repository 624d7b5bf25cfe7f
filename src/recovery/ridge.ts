import { factorInPieces, solveInPieces } from './cholesky.js';
import type { Moments } from './moments.js';
import { addToPair, addToRow } from './products-of-rows.js';
import type { InPieces } from './work.js';

/** Columns of weights, `[K, M]` row-major. */
export type Columns = Float64Array;

/** Weights, and what they make: `AΘ`, A the moments `xx`. */
export interface Solved {
  readonly columns: Columns;
  readonly product: Columns;
}

/**
 * Least squares: the weights Θ that give z from x with the least error, `Θ = Θ₀ + (A + λ·mean(diag A)·I)⁻¹(C − A·Θ₀)`, A and C the
 * moments `xx` and `xz` (RECOVERY.md 1). The offset is another matter.
 */
export class Ridge {
  readonly #moments: Moments;
  readonly #anchor: Solved;
  readonly #trace: number;

  private constructor(moments: Moments, anchor: Solved) {
    const { inputs, xx } = moments;
    this.#moments = moments;
    this.#anchor = anchor;
    let trace = 0;
    for (let i = 0; i < inputs; i++) trace += xx[i * inputs + i];
    this.#trace = trace;
  }

  /** @param anchor Θ₀: what the weights are where nothing speaks for others */
  static *of(moments: Moments, anchor: Columns): InPieces<Ridge> {
    const { inputs, outputs, xx } = moments;
    return new Ridge(moments, { columns: anchor, product: yield* multiplyInPieces(xx, anchor, inputs, outputs) });
  }

  /**
   * @param lambda how strongly the weights are held to the anchor, as a share of the mean variance of the inputs
   * @returns the anchor where the moments have no inverse: inputs that are all constant, say
   */
  *solve(lambda: number): InPieces<Solved> {
    const { inputs, outputs, xx, xz } = this.#moments;
    const { columns: anchor, product: made } = this.#anchor;
    if (!(this.#trace > 0) || !Number.isFinite(this.#trace)) return this.#anchor;
    const a = new Float64Array(xx);
    const ridge = (lambda * this.#trace) / inputs;
    for (let i = 0; i < inputs; i++) a[i * inputs + i] += ridge;
    const factor = yield* factorInPieces(a, inputs);
    if (!factor) return this.#anchor;
    const missed = new Float64Array(xz);
    for (let i = 0; i < missed.length; i++) missed[i] -= made[i];
    const step = yield* solveInPieces(factor, inputs, missed, outputs);
    // (A + rI)·step = C − AΘ₀, so A(Θ₀ + step) = C − r·step.
    const [columns, product] = [new Float64Array(anchor), new Float64Array(xz)];
    for (let i = 0; i < step.length; i++) {
      columns[i] += step[i];
      product[i] -= ridge * step[i];
    }
    return { columns, product };
  }
}

/** Sums of squares of what weights make of the inputs, about its mean, `Σ(y − ȳ)² = diag(ΘᵀAΘ)`, `[M]`. */
export function outputSpread({ inputs, outputs }: Moments, { columns, product }: Solved): Float64Array {
  return diagonal(columns, product, inputs, outputs).map((sum) => Math.max(0, sum));
}

/** The mean over rows of the squared error of weights and an offset, summed over the outputs. */
export function squaredError(moments: Moments, solved: Solved, offset: Float64Array): number {
  const { count, inputs, outputs, xz, zz, zMean } = moments;
  const spread = outputSpread(moments, solved);
  const joint = diagonal(solved.columns, xz, inputs, outputs);
  const mean = meanOutput(moments, solved.columns);
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
  const xx = new Float64Array(moments.xx);
  const xz = new Float64Array(moments.xz);
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < inputs; j++) xx[i * inputs + j] += count * xMean[i] * xMean[j];
    for (let j = 0; j < outputs; j++) xz[i * outputs + j] += count * xMean[i] * zMean[j];
  }
  const zz = moments.zz.map((sum, j) => sum + count * zMean[j] * zMean[j]);
  return { count, inputs, outputs, xx, xz, zz, xMean: new Float64Array(inputs), zMean: new Float64Array(outputs) };
}

/** `A·B`, A `[n, n]`, B `[n, columns]`. */
function* multiplyInPieces(a: Float64Array, b: Float64Array, n: number, columns: number): InPieces<Float64Array> {
  const product = new Float64Array(n * columns);
  const all = { rows: b, start: 0, count: n, factors: a, step: 1, sign: 1 } as const;
  for (let i = 0; i < n; i += 2) {
    if (i + 1 === n) addToRow(product, columns, i, i * n, all);
    else addToPair(product, columns, [i, i + 1], [i * n, (i + 1) * n], all);
    yield 2 * n * columns;
  }
  return product;
}

/** The diagonal of `AᵀB`, both `[n, columns]`. */
function diagonal(a: Float64Array, b: Float64Array, n: number, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  for (let i = 0, at = 0; i < n; i++) for (let c = 0; c < columns; c++, at++) sums[c] += a[at] * b[at];
  return sums;
}
