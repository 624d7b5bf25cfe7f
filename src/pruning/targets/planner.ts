import { EspalierError } from '../../errors.js';
import type { ChannelMutator } from '../mutators/index.js';
import { DEFAULT_FLOOR } from '../units/index.js';
import { CostModel, type LatencyModel, type SubnetCost } from './cost-model.js';
import { type RankedChannels, rankUnits } from './ranked-channels.js';

/** What a subnet costs, in the words of results and reports. */
export interface Prediction {
  readonly macs: number;
  readonly parameters: number;
  /** Bytes of weights and running statistics. */
  readonly size: number;
  /** Milliseconds, by the latency model; null without one. */
  readonly latency: number | null;
}

type Measure = keyof Prediction;

/** A target turned into choices. */
export interface Plan {
  /** By unit name, a choice for every mutable unit. */
  readonly choices: Record<string, number>;
  readonly baseline: Prediction;
  /** What the subnet of these choices costs, exactly. */
  readonly predicted: Prediction;
  readonly measure: Measure;
  /** The most that the target allows, as an absolute number. */
  readonly bound: number;
  readonly reachable: boolean;
  /** The value of `measure` that these choices come to; where the target is out of reach, the least there is. */
  readonly nearest: number;
}

export interface PlanOptions {
  /**
   * The least share of its channels that a unit keeps whose arguments give no floor. A layer that is cut to almost nothing breaks the network however
   * unimportant its channels look beside those of other layers.
   */
  readonly floor?: number;
  /**
   * Units of at least twice as many channels keep a multiple of this, or all. Engines compute in blocks of channels: a
   * width just above a multiple costs as much as the next one.
   */
  readonly multiple?: number;
  /** Needed for a target of latency. */
  readonly latency?: LatencyModel;
}

/** What a MAC is: see {@link Cost}. */
export type Counting = 'macs' | 'mmrazor';

/** A share in (0, 1] of the original, or an absolute bound. */
export type Bound = number | { readonly at_most: number };

/** What the subnet may cost: one of the fields. */
export type Target = { readonly [M in Measure]?: Bound };

const MEASURES: Readonly<Record<Measure, (cost: SubnetCost, counting: Counting) => number>> = {
  macs: (cost, counting) => (counting === 'macs' ? cost.macs : cost.mmrazor),
  parameters: (cost) => cost.parameters,
  size: (cost) => cost.sizeBytes,
  latency: (cost) => cost.latencyMs,
};

/**
 * Finds choices whose subnet meets a target and stays close below it.
 *
 * All channels of all units are ranked together by importance, each unit's divided by its mean so that layers compare.
 * Channels go in that order, in the steps that each unit's rounding allows and down to its floor, until the target is
 * met; then what still fits comes back, the most important first.
 * @param counting what a MAC is, for targets in MACs.
 * @returns the plan; where even the floors cost too much, the plan of the floors with `reachable` false.
 * @throws EspalierError CONFIG_INVALID for a target that has to be measured (peak memory, accuracy; latency without a model).
 */
export function planChoices(
  mutator: ChannelMutator,
  target: Target,
  counting: Counting,
  { floor = DEFAULT_FLOOR, multiple = 1, latency }: PlanOptions = {},
): Plan {
  const measure = measureOf(target, latency !== undefined);
  const units = mutator.mutableUnits;
  const ranked = rankUnits(units, mutator.importanceSource, { floor, multiple });
  const model = new CostModel(mutator.analysis, ranked, latency);
  const predict = () => prediction(model.cost, counting, latency !== undefined);
  const now = () => MEASURES[measure](model.cost, counting);
  const baseline = predict();
  const wanted = target[measure]!;
  const bound = typeof wanted === 'number' ? wanted * now() : wanted.at_most;
  const fits = () => now() <= bound;
  const steps = allSteps(ranked);
  search(model, ranked, steps, fits);
  fillBack(model, steps, fits);
  return {
    choices: Object.fromEntries(units.map((unit, u) => [unit.name, unit.choiceFor(model.counts[u])])),
    baseline,
    predicted: predict(),
    measure,
    bound,
    reachable: fits(),
    nearest: now(),
  };
}

/** Why a plan misses its target, with the nearest value there is; undefined when it doesn't. */
export function unreachable(plan: Plan): string | undefined {
  if (plan.reachable) return undefined;
  const { measure, nearest, bound, baseline } = plan;
  const share = (nearest / baseline[measure]!).toPrecision(3);
  const show = (value: number) => (measure === 'latency' ? `${value.toPrecision(3)} ms` : String(Math.floor(value)));
  return `target ${measure}: at most ${show(bound)} was asked for, the least that can be reached is ${show(nearest)} (a share of ${share}) while each unit keeps its floor (a share of ${DEFAULT_FLOOR} of its channels where default_args.floor says nothing else)`;
}

/** What the subnet of these choices (the others as they are) would cost, without changing any. */
export function predictCost(
  mutator: ChannelMutator,
  choices: Readonly<Record<string, number>>,
  counting: Counting,
): Prediction {
  for (const name of Object.keys(choices)) mutator.getMutableUnit(name);
  const units = mutator.mutableUnits;
  const model = new CostModel(mutator.analysis, rankUnits(units, mutator.importanceSource, { floor: 0, multiple: 1 }));
  units.forEach((unit, u) => {
    const choice = choices[unit.name];
    model.set(u, choice === undefined ? unit.activatedChannels : unit.countFor(choice));
  });
  return prediction(model.cost, counting, false);
}

function measureOf(target: Target, hasLatency: boolean): Measure {
  const asked = Object.keys(target).filter((name) => target[name as keyof Target] !== undefined);
  const [name] = asked;
  const known = Object.keys(MEASURES).filter((measure) => hasLatency || measure !== 'latency');
  if (asked.length === 1 && known.includes(name)) return name as Measure;
  throw new EspalierError(
    'CONFIG_INVALID',
    `a plan needs one target of ${known.join(', ')}, got ${asked.join(' and ') || 'none'}`,
  );
}

function prediction(cost: SubnetCost, counting: Counting, hasLatency: boolean): Prediction {
  return {
    macs: MEASURES.macs(cost, counting),
    parameters: MEASURES.parameters(cost, counting),
    size: MEASURES.size(cost, counting),
    latency: hasLatency ? MEASURES.latency(cost, counting) : null,
  };
}

/** A step of a unit from one allowed number of channels down to the next. */
interface Step {
  readonly unit: number;
  readonly from: number;
  readonly to: number;
  /** The mean normalised importance of the channels that go; never less than that of the unit's step before. */
  readonly score: number;
  /** The share of its channels that the unit has before the step: of equal scores the fullest unit goes first. */
  readonly share: number;
}

/** Steps in the order in which they are taken: the least important first, a unit's own from its full width down. */
function allSteps(ranked: readonly RankedChannels[]): Step[] {
  const steps = ranked.flatMap(({ scores, counts }, unit) => {
    let floor = 0;
    return counts
      .slice(1)
      .map((from, i) => ({ from, to: counts[i] }))
      .reverse()
      .map(({ from, to }): Step => {
        const lost = scores.subarray(to, from);
        floor = Math.max(floor, lost.reduce((sum, score) => sum + score, 0) / lost.length);
        return { unit, from, to, score: floor, share: from / scores.length };
      });
  });
  return steps.sort((a, b) => a.score - b.score || b.share - a.share || a.unit - b.unit);
}

/** Takes the fewest steps after which the target is met; all of them when it never is. */
function search(
  model: CostModel,
  ranked: readonly RankedChannels[],
  steps: readonly Step[],
  fits: () => boolean,
): void {
  const take = (number: number): void => {
    const counts = ranked.map(({ counts: allowed }) => allowed[allowed.length - 1]);
    for (const { unit, to } of steps.slice(0, number)) counts[unit] = to;
    counts.forEach((count, unit) => {
      model.set(unit, count);
    });
  };
  let least = 0;
  let most = steps.length;
  while (least < most) {
    const middle = (least + most) >> 1;
    take(middle);
    if (fits()) most = middle;
    else least = middle + 1;
  }
  take(least);
}

/** Gives units their next larger number, the most important step first, as long as the target holds. */
function fillBack(model: CostModel, steps: readonly Step[], fits: () => boolean): void {
  if (!fits()) return;
  for (const { unit, from, to } of steps.toReversed()) {
    if (model.counts[unit] !== to) continue;
    model.set(unit, from);
    if (!fits()) model.set(unit, to);
  }
}
