import type { Engine } from '../../engine/index.js';
import { EspalierError } from '../../errors.js';
import type { LoadedModel } from '../../formats/index.js';
import type { Graph } from '../../graph/graph.js';
import type { PruneConfig } from '../../prune-config/index.js';
import {
  type Allocation,
  type BlockOf,
  type ChannelMutator,
  type Plan,
  planChoices,
  ratioChoices,
  type SensitivityCurve,
  type Target,
} from '../../pruning/index.js';
import type { LatencyComparison } from './latency.js';
import { planLatency } from './plan-latency.js';
import { planSize } from './plan-size.js';
import type { Planner } from './planner.js';

export interface PlannedTarget {
  /** Final choices, by unit. */
  readonly choices: Readonly<Record<string, number>>;
  /** Absent for ratios, which say the choices themselves. */
  readonly plan?: Plan;
  /** Of a latency target: the last measurement of these choices. */
  readonly comparison?: LatencyComparison;
}

export interface PlanContext {
  /** Takes latencies. */
  readonly stopwatch: Engine;
  readonly model: LoadedModel;
  /** Of the model's files. */
  readonly sizeBytes: number;
  /** The model with the outputs that stay, as its file has it. */
  readonly uploaded: Graph;
  readonly mutator: ChannelMutator;
  readonly config: PruneConfig;
  readonly signal: AbortSignal;
  /** How many channels make a block of a unit whose `divisor` is `auto`. */
  readonly blockOf?: BlockOf | undefined;
  /** By unit, where they were measured: what the network loses by it. */
  readonly sensitivities?: ReadonlyMap<string, SensitivityCurve>;
}

/**
 * Turns what a config asks for into choices. The mutator is left as it was.
 * @throws EspalierError NOTHING_TO_PRUNE, UNIT_UNKNOWN, CHOICE_INVALID; a target out of reach is said by the plan
 */
export async function planTarget(context: PlanContext): Promise<PlannedTarget> {
  const { mutator, uploaded, config } = context;
  if (mutator.mutableUnits.length === 0) throw nothingToPrune(mutator, uploaded);
  const ratio = config.algorithm.target_pruning_ratio;
  if (ratio !== undefined) {
    return { choices: ratioChoices(mutator, ratio) };
  }
  const planned = await planFor(config.target ?? {}, context);
  return { choices: planned.plan.choices, ...planned };
}

/** Size and latency are known by writing and by running; the others are counted. */
async function planFor(
  target: Target,
  {
    stopwatch,
    model,
    sizeBytes,
    uploaded,
    mutator,
    config: { counting, allocation },
    signal,
    sensitivities,
    ...context
  }: PlanContext,
): Promise<{ plan: Plan; comparison?: LatencyComparison }> {
  const shared = sensitivities
    ? { allocation: 'sensitivity' as const, sensitivities }
    : { allocation: withoutSamples(allocation) };
  const rewarded = context.blockOf ?? (() => 1);
  const blockOf: BlockOf = (unit) => (unit.args.divisor === 'auto' ? rewarded(unit) : 1);
  const plan: Planner = (wanted, options) => planChoices(mutator, wanted, counting, { blockOf, ...options, ...shared });
  if (target.size !== undefined) return { plan: await planSize(model, sizeBytes, mutator, target.size, plan) };
  if (target.latency !== undefined)
    return planLatency(stopwatch, mutator, uploaded, target.latency, plan, rewarded, signal);
  return { plan: plan(target) };
}

/** How channels are shared out where nothing was measured. */
function withoutSamples(allocation: Allocation = 'sensitivity'): Allocation {
  return allocation === 'sensitivity' ? 'global' : allocation;
}

function nothingToPrune(mutator: ChannelMutator, graph: Graph): EspalierError {
  const reasons = mutator.unprunable.slice(0, 5).map(({ layer, reason }) => `${layer}: ${reason}`);
  const names = graph.outputs.map(({ name }) => name);
  const hint =
    names.length > 1
      ? `; the model has ${names.length} outputs (${names.join(', ')}): say with \`outputs\` which to keep`
      : '';
  return new EspalierError('NOTHING_TO_PRUNE', `no channels can go (${reasons.join('; ')})${hint}`);
}
