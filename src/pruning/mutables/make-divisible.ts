/** How a wanted number of channels becomes an allowed one. */
export interface Rounding {
  readonly divisor: number;
  /** Least number of channels; null means the divisor. */
  readonly min_value: number | null;
  /** Rounding down never takes away more than `1 - min_ratio` of the wanted number. */
  readonly min_ratio: number;
}

/**
 * Rounds to the nearest multiple of the divisor, at least `min_value`, and one step up when that took away too much.
 * The result may be larger than what there is; the caller caps it.
 * @example makeDivisible(31, { divisor: 8, min_value: 1, min_ratio: 0.9 }) // 32
 * @example makeDivisible(11, { divisor: 8, min_value: 1, min_ratio: 0.9 }) // 16, as 8 is less than 0.9 times 11
 */
export function makeDivisible(value: number, { divisor, min_value, min_ratio }: Rounding): number {
  const least = Math.max(min_value ?? divisor, divisor);
  const nearest = Math.floor(Math.trunc(value + divisor / 2) / divisor) * divisor;
  const rounded = Math.max(least, nearest);
  return rounded < min_ratio * value ? rounded + divisor : rounded;
}
