/** The normal distribution's 97.5% point. */
const Z = 1.959963984540054;

/**
 * The 95% interval of a share that was counted on samples (Wilson 1927): unlike the usual one it stays in [0, 1], and is no
 * point where all or none were right.
 * @param share of the samples, in [0, 1]
 * @returns undefined of no samples
 * @example shareInterval(0.5, 10) // [0.2366, 0.7634]
 */
export function shareInterval(share: number, samples: number): readonly [low: number, high: number] | undefined {
  if (samples <= 0) return undefined;
  const spread = Z ** 2 / samples;
  const middle = (share + spread / 2) / (1 + spread);
  const half = (Z / (1 + spread)) * Math.sqrt((share * (1 - share)) / samples + spread / (4 * samples));
  // The ends are exact in real numbers, and rounded here.
  return [share === 0 ? 0 : Math.max(0, middle - half), share === 1 ? 1 : Math.min(1, middle + half)];
}
