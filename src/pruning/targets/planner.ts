import { EspalierError } from '../../errors.js';
import type { ChannelMutator } from '../mutators/index.js';
import { DEFAULT_FLOOR } from '../units/index.js';
import { type Allocation, stepTaker } from './allocations.js';
import { CostModel, type LatencyModel, type SubnetCost } from './cost-model.js';
import { type BlockOf, rankUnits } from './ranked-channels.js';
import type { SensitivityCurve } from './sensitivity.js';
import type { Step } from './steps.js';

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
  /** Units of at least twice as many channels keep a multiple of this, or all. */
  readonly blockOf?: BlockOf;
  /** Needed for a target of latency. */
  readonly latency?: LatencyModel;
  /** Default `global`. */
  readonly allocation?: Allocation;
  /** By unit name, for the allocation `sensitivity`. */
  readonly sensitivities?: ReadonlyMap<string, SensitivityCurve>;
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
 * Channels go in the order of the {@link Allocation}, in the steps that each unit's rounding allows and down to its floor, until the
 * target is met; then what still fits comes back, the last to go first.
 * @param counting what a MAC is, for targets in MACs.
 * @returns the plan; where even the floors cost too much, the plan of the floors with `reachable` false.
 * @throws EspalierError CONFIG_INVALID for a target that has to be measured (peak memory, accuracy; latency without a model).
 */
export function planChoices(
  mutator: ChannelMutator,
  target: Target,
  counting: Counting,
  { floor = DEFAULT_FLOOR, blockOf = () => 1, latency, allocation = 'global', sensitivities }: PlanOptions = {},
): Plan {
  const measure = measureOf(target, latency !== undefined);
  const units = mutator.mutableUnits;
  const ranked = rankUnits(units, mutator.importanceSource, { floor, blockOf });
  const model = new CostModel(mutator.analysis, ranked, latency);
  const predict = () => prediction(model.delivered, counting, latency !== undefined);
  const now = () => MEASURES[measure](model.cost, counting);
  const delivered = () => MEASURES[measure](model.delivered, counting);
  const baseline = predict();
  const wanted = target[measure]!;
  const bound = typeof wanted === 'number' ? wanted * delivered() : wanted.at_most;
  const fits = () => delivered() <= bound;
  const curves = units.map(({ name }) => sensitivities?.get(name));
  ranked.forEach(({ counts }, u) => {
    model.set(u, counts[counts.length - 1]);
  });
  // Only here may less cost more: the first step brings spare biases with it.
  const steps = fits() ? [] : stepTaker(allocation, curves, now)(model, ranked, fits);
  fillBack(model, steps, fits);
  return {
    choices: Object.fromEntries(units.map((unit, u) => [unit.name, unit.choiceFor(model.counts[u])])),
    baseline,
    predicted: predict(),
    measure,
    bound,
    reachable: fits(),
    nearest: delivered(),
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
  const model = new CostModel(
    mutator.analysis,
    rankUnits(units, mutator.importanceSource, { floor: 0, blockOf: () => 1 }),
  );
  units.forEach((unit, u) => {
    const choice = choices[unit.name];
    model.set(u, choice === undefined ? unit.activatedChannels : unit.countFor(choice));
  });
  return prediction(model.delivered, counting, false);
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

/** Gives units their next larger number, the last step first, as long as the target holds. */
function fillBack(model: CostModel, steps: readonly Step[], fits: () => boolean): void {
  if (!fits()) return;
  for (const { unit, from, to } of steps.toReversed()) {
    if (model.counts[unit] !== to) continue;
    model.set(unit, from);
    if (!fits()) model.set(unit, to);
  }
}
