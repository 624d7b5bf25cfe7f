import { makeDivisible, type Rounding } from '../mutables/index.js';

/** The arguments of a unit that rounding goes by. */
export type UnitRounding = Omit<Rounding, 'divisor'> & { readonly divisor: number | 'auto' };

/**
 * The channels that a wanted number of channels comes to: rounded, and in 1…numChannels. Rounding the result again
 * changes nothing, so a `min_value` between two multiples of the divisor means the upper one.
 */
export function roundCount(count: number, numChannels: number, rounding: UnitRounding): number {
  const { min_value } = rounding;
  const divisor = rounding.divisor === 'auto' ? 1 : rounding.divisor;
  const least = min_value === null ? null : Math.ceil(min_value / divisor) * divisor;
  return Math.min(makeDivisible(count, { ...rounding, divisor, min_value: least }), numChannels);
}

/** The channels that a remaining share comes to: `max(1, floor(numChannels · ratio))`, then rounded. */
export function roundRatio(ratio: number, numChannels: number, rounding: UnitRounding): number {
  return roundCount(Math.max(1, Math.trunc(numChannels * ratio)), numChannels, rounding);
}

/**
 * A ratio that {@link roundRatio} floors back to exactly `count`: `count / numChannels`, or the next double above it
 * where the product falls short of the whole number by a rounding error (29/49 · 49 is less than 29, for one).
 */
export function ratioOf(count: number, numChannels: number): number {
  let ratio = count / numChannels;
  while (Math.trunc(numChannels * ratio) < count) ratio += 2 ** (Math.floor(Math.log2(ratio)) - 52);
  return ratio;
}
