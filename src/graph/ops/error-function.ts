/** Beyond this the error function is 1 to the last bit of a double. */
const SATURATED = 6;

/**
 * The error function, to about 1e-15, by the series `2/√π · exp(-x²) · Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n+1))`, whose terms have one
 * sign (Abramowitz and Stegun 7.1.6).
 * @example erf(1) // 0.8427007929497149
 */
export function erf(x: number): number {
  if (Math.abs(x) >= SATURATED) return Math.sign(x);
  let sum = 0;
  let term = x;
  for (let n = 0; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
