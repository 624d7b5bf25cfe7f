import type { DType } from './dtype.js';

/** What a dtype holds of a number. */
type Held = (value: number) => number;

const wholeInt64 = (value: number): number => {
  if (!Number.isFinite(value)) return 0;
  const whole = Math.trunc(value);
  return Math.abs(whole) < 2 ** 63 ? whole : Number(BigInt.asIntN(64, BigInt(whole)));
};

/**
 * Whole numbers are cut towards zero and wrap around their range, bool is "not zero"; what is no number, or infinite, is 0
 * as a whole number. The reference holds floats of every width in float64.
 */
const HELD: Readonly<Record<DType, Held>> = {
  float32: (v) => v,
  float64: (v) => v,
  int32: (v) => v | 0,
  int64: wholeInt64,
  uint8: (v) => v & 255,
  bool: (v) => (v !== 0 ? 1 : 0),
};

/** @example heldBy('uint8')(-1.5) // 255 */
export function heldBy(dtype: DType): Held {
  return HELD[dtype];
}

/** `f`, its results as the dtype holds them: for operations that may leave the range of whole numbers, or their wholeness. */
export function heldResults<A extends number[]>(dtype: DType, f: (...values: A) => number): (...values: A) => number {
  const held = HELD[dtype];
  return held === HELD.float64 || held === HELD.float32 ? f : (...values) => held(f(...values));
}
