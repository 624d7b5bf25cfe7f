import type { SeededRandom } from './random.js';

/** A draw from Beta(alpha, alpha), as x/(x + y) of two draws from Gamma(alpha). */
export function drawBeta(alpha: number, random: SeededRandom): number {
  const [a, b] = [drawLogGamma(alpha, random), drawLogGamma(alpha, random)];
  // Small alphas give draws that underflow; their logarithms don't.
  return 1 / (1 + Math.exp(b - a));
}

/** The logarithm of a draw from Gamma(alpha, 1): Marsaglia & Tsang 2000, below 1 through alpha + 1. */
function drawLogGamma(alpha: number, random: SeededRandom): number {
  if (alpha < 1) return drawLogGamma(alpha + 1, random) + Math.log(positive(random)) / alpha;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const z = drawNormal(random);
    const v = (1 + c * z) ** 3;
    if (v <= 0) continue;
    if (Math.log(positive(random)) < 0.5 * z * z + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

/** Box & Muller 1958; the second of the pair is not kept, so that the generator's state is all there is. */
function drawNormal(random: SeededRandom): number {
  return Math.sqrt(-2 * Math.log(positive(random))) * Math.cos(2 * Math.PI * random());
}

const positive = (random: SeededRandom): number => 1 - random();
