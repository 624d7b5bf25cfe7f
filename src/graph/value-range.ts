/** Which numbers a value is meant to hold, both bounds included. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
  /** Whole numbers only. */
  readonly whole: boolean;
}

/** What an op wants of an input: a range, or one that follows from what is wanted of the op's first output. */
export type Wanted = ValueRange | ((ofOutput: ValueRange) => ValueRange);

/** Of ops whose output is made of the input's own elements. */
export const PASSED_ON = (ofOutput: ValueRange): ValueRange => ofOutput;

export const TRUTH_VALUES: ValueRange = { low: 0, high: 1, whole: true };

/** Places along an axis. */
export function indicesInto(extent: number): ValueRange {
  return { low: 0, high: Math.max(0, extent - 1), whole: true };
}

/** What both allow; the first where they have nothing in common. */
export function commonRange(a: ValueRange, b: ValueRange): ValueRange {
  const both = { low: Math.max(a.low, b.low), high: Math.min(a.high, b.high), whole: a.whole || b.whole };
  return both.low <= both.high ? both : a;
}
