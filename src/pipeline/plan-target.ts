import { EspalierError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { PruneConfig } from '../prune-config/index.js';
import { type ChannelMutator, type Plan, planChoices, predictCost, ratioChoices } from '../pruning/index.js';

export interface PlannedTarget {
  /** Final choices, by unit. */
  readonly choices: Readonly<Record<string, number>>;
  readonly predicted: { readonly macs: number; readonly parameters: number };
  /** Absent for ratios, which say the choices themselves. */
  readonly plan?: Plan;
}

/**
 * Turns what a config asks for into choices.
 * @throws EspalierError NOTHING_TO_PRUNE, UNIT_UNKNOWN, CHOICE_INVALID
 */
export function planTarget(mutator: ChannelMutator, graph: Graph, config: PruneConfig): PlannedTarget {
  if (mutator.mutableUnits.length === 0) throw nothingToPrune(mutator, graph);
  const ratio = config.algorithm.target_pruning_ratio;
  if (ratio !== undefined) {
    const choices = ratioChoices(mutator, ratio);
    return { choices, predicted: predictCost(mutator, choices, config.counting) };
  }
  const plan = planChoices(mutator, config.target ?? { macs: 0.5 }, config.counting);
  return { choices: plan.choices, predicted: plan.predicted, plan };
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
