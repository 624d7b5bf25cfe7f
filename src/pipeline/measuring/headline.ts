import type { JobResult, ModelMeasures, StageRow } from '../../contract.js';
import type { Target } from '../../pruning/index.js';
import { percent, rangeText, samplesText } from './words.js';

/** What a headline tells. */
export interface Told extends Pick<JobResult, 'baseline' | 'pruned' | 'stages'> {
  /** What was to be saved; absent where widths were given. */
  readonly target?: Target | undefined;
  readonly hasData: boolean;
  readonly canceled: boolean;
}

/** What each target is of, as words and as measured. */
const COSTS: {
  readonly [M in keyof Target]-?: readonly [words: string, of: (measures: ModelMeasures) => number | null];
} = {
  macs: ['MACs', ({ macs }) => macs],
  parameters: ['parameters', ({ parameters }) => parameters],
  size: ['bytes', ({ size_bytes }) => size_bytes],
  latency: ['time', ({ latency_ms }) => latency_ms],
};

/**
 * A job in a sentence: what was saved, and what that cost.
 * @example 'Half of the MACs; accuracy 79.9 % → 78.0 % (95 % interval 76.9 to 79.1, 5,000 samples)'
 */
export function headlineOf(told: Told): string {
  const [first, ...rest] = `${told.canceled ? 'canceled before its end: ' : ''}${saved(told)}; ${lost(told)}`;
  return [first.toUpperCase(), ...rest].join('');
}

function saved({ baseline, pruned, target }: Told): string {
  const asked = Object.keys(target ?? {}) as (keyof Target)[];
  const told = [...new Set([...asked, 'macs' as const])].flatMap((measure) => {
    const [words, of] = COSTS[measure];
    const [before, after] = [of(baseline), of(pruned)];
    return before && after !== null ? [`${amount(after / before)} of the ${words}`] : [];
  });
  return told.join(', ') || 'no MACs before and after';
}

/** More figures near none and near all. */
function amount(share: number): string {
  if (share === 1) return 'all';
  if (Math.abs(share - 0.5) < 0.005) return 'half';
  return percent(share, share < 0.1 || Math.abs(share - 1) < 0.01 ? 1 : 0);
}

function lost({ stages, hasData }: Told): string {
  const [first, last] = [stages[0], stages[stages.length - 1]];
  if (last.accuracy !== null && first.accuracy !== null) {
    return `accuracy ${percent(first.accuracy)} → ${percent(last.accuracy)} (${known(last)})`;
  }
  if (last.agreement === null) return `not measured: ${hasData ? 'no output can be compared' : 'no data set'}`;
  if (last.interval) return `agrees with the original on ${percent(last.agreement)} (${known(last)})`;
  return `outputs differ from the original's by ${percent(1 - last.agreement)} (${known(last)})`;
}

function known({ interval, samples }: StageRow): string {
  return [interval ? `95 % interval ${rangeText(interval)}` : [], samplesText(samples)].flat().join(', ');
}
