/** A share as a percentage. @example percent(0.799) // '79.9 %' */
export function percent(share: number, digits = 1): string {
  return `${points(share, digits)} %`;
}

/** An interval of shares, in percent. @example rangeText([0.771, 0.789]) // '77.1 to 78.9' */
export function rangeText([low, high]: readonly [number, number]): string {
  return `${points(low)} to ${points(high)}`;
}

/** @example samplesText(5000) // '5,000 samples' */
export function samplesText(count: number): string {
  return count === 1 ? '1 sample' : `${count.toLocaleString('en-US')} samples`;
}

function points(share: number, digits = 1): string {
  return (100 * share).toFixed(digits);
}
