import type { CostModel } from './cost-model.js';
import type { RankedChannels } from './ranked-channels.js';
import { type Step, stepsOf } from './steps.js';

/** What the network loses when one unit alone keeps so many channels, ascending by `kept`. */
export type SensitivityCurve = readonly { readonly kept: number; readonly loss: number }[];

/**
 * What a share of the target's measure is worth, and a share of the parameters beside it: of a target in multiply-adds, channels of dense
 * layers would stay that nobody misses, and files would hardly be smaller.
 */
const WORTH = [1, 0.05] as const;

/** A unit's channels go in about so many strides. */
const STRIDES = 32;

interface Options {
  readonly curves: readonly (SensitivityCurve | undefined)[];
  /** What the model costs, in the target's measure. */
  readonly now: () => number;
  readonly fits: () => boolean;
}

/**
 * Always takes the step of the least loss for what it saves, until the target is met (RECOVERY.md 3). Losses of units are taken to add
 * up. Units that were not measured go last.
 */
export function takeBySensitivity(
  model: CostModel,
  ranked: readonly RankedChannels[],
  { curves, now, fits }: Options,
): Step[] {
  const left = ranked.map((unit, u) => strides(stepsOf(unit, u), unit.scores.length));
  const losses = curves.map((curve, u) => curve && lossesOf(curve, ranked[u].scores.length));
  ranked.forEach(({ counts }, u) => {
    model.set(u, counts[counts.length - 1]);
  });
  /** What is saved, as a share of the whole. */
  const cost = (): readonly number[] => [now(), model.cost.parameters];
  const whole = cost();
  /** What a unit's next stride loses for what it saves. */
  const priceOf = (u: number): number => {
    const { from, to } = left[u][0];
    const [before, loss] = [cost(), losses[u]];
    model.set(u, to);
    const saved = cost().reduce(
      (sum, after, i) => sum + (WORTH[i] * (before[i] - after)) / Math.max(1e-12, whole[i]),
      0,
    );
    model.set(u, from);
    if (!(saved > 0)) return Number.POSITIVE_INFINITY;
    return loss ? (loss(to) - loss(from)) / saved : Number.MAX_VALUE;
  };
  const share = (u: number): number => left[u][0].from / ranked[u].scores.length;
  // A stride saves less once its neighbours are narrower: what a price was is the least that it can be.
  const prices = left.map(() => Number.NEGATIVE_INFINITY);
  const fresh = new Set<number>();
  const goesBefore = (a: number, b: number): boolean => {
    if (prices[a] !== prices[b]) return prices[a] < prices[b];
    return fresh.has(a) === fresh.has(b) ? share(a) > share(b) : fresh.has(b);
  };
  /** By unit, its last stride: what may be taken back. More of what costs little would come back whole. */
  const taken = new Map<number, readonly Step[]>();
  while (!fits()) {
    const open = left.flatMap((strides, u) => (strides.length > 0 ? [u] : []));
    if (open.length === 0) break;
    const cheapest = open.reduce((a, b) => (goesBefore(b, a) ? b : a));
    if (fresh.has(cheapest)) {
      const { to, steps } = left[cheapest].shift()!;
      model.set(cheapest, to);
      taken.delete(cheapest);
      taken.set(cheapest, steps);
      prices[cheapest] = Number.NEGATIVE_INFINITY;
      fresh.clear();
    } else {
      prices[cheapest] = priceOf(cheapest);
      fresh.add(cheapest);
    }
  }
  return [...taken.values()].flat();
}

/** Steps of a unit that are taken at once. */
interface Stride {
  readonly from: number;
  readonly to: number;
  readonly steps: readonly Step[];
}

/** Steps put together until each stride takes at least its part of the channels. */
function strides(steps: readonly Step[], channels: number): Stride[] {
  const joined: Stride[] = [];
  for (const step of steps) {
    const last = joined[joined.length - 1];
    if (last && last.from - last.to < channels / STRIDES) {
      joined[joined.length - 1] = { ...last, to: step.to, steps: [...last.steps, step] };
    } else {
      joined.push({ from: step.from, to: step.to, steps: [step] });
    }
  }
  return joined;
}

/** No loss is nothing, none is without end: between those and others there would be no straight line of logarithms. */
const [LEAST_LOSS, MOST_LOSS] = [1e-9, 1e9];

/**
 * The loss at any number of channels, never falling as channels go: what was measured lies about on a straight line of logarithms; towards all
 * channels, where nothing is lost, it falls as the square of the channels that went.
 */
export function lossesOf(curve: SensitivityCurve, channels: number): (kept: number) => number {
  const points = curve
    .filter(({ kept }) => kept < channels)
    .map(({ kept, loss }) => ({ kept, loss: Math.max(LEAST_LOSS, Math.min(loss, MOST_LOSS)) }));
  for (let i = points.length - 2; i >= 0; i--) {
    points[i] = { ...points[i], loss: Math.max(points[i].loss, points[i + 1].loss) };
  }
  const last = points[points.length - 1];
  return (kept) => {
    if (!last || kept >= channels) return 0;
    if (kept >= last.kept || points.length === 1) return last.loss * ((channels - kept) / (channels - last.kept)) ** 2;
    const above = Math.max(
      1,
      points.findIndex((point) => point.kept >= kept),
    );
    const [a, b] = [points[above - 1], points[above]];
    return a.loss * (b.loss / a.loss) ** ((kept - a.kept) / (b.kept - a.kept));
  };
}
