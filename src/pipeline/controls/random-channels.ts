import { seededRandom } from '../../data/index.js';
import type { Graph } from '../../graph/graph.js';
import type { PruneConfig } from '../../prune-config/index.js';
import {
  type ChannelMutator,
  type Criterion,
  createMutator,
  getUnitType,
  type MutatorState,
  rankChannels,
} from '../../pruning/index.js';

/** Ranks any unit, so that each unit of a model can be pruned whatever its own type ranks by. */
const ANY: Criterion = { name: 'any', importance: ({ numChannels }) => new Float64Array(numChannels) };

const UNIT = getUnitType('CriterionChannelUnit').name;

/**
 * A mutator of a model with these masks, whatever types its units have in the config.
 * @param masks by unit, as another mutator of that config has them
 */
export function maskedMutator(
  graph: Graph,
  { algorithm, ignore }: Pick<PruneConfig, 'algorithm' | 'ignore'>,
  masks: MutatorState,
): ChannelMutator {
  const { channel_unit_cfg, parse_cfg } = algorithm.mutator_cfg;
  const units = Object.entries(channel_unit_cfg.units).map(([name, { init_args: _, choice: __, ...unit }]) => [
    name,
    unit,
  ]);
  const mutator = createMutator({
    channel_unit_cfg: { type: UNIT, criterion: ANY.name, units: Object.fromEntries(units) },
    parse_cfg,
    ignore,
    parts: { unitTypes: [getUnitType(UNIT)], criteria: [ANY] },
  });
  mutator.prepareFromSupernet(graph);
  mutator.restoreState(masks);
  return mutator;
}

/** As many channels of each unit as `masks` keep, chosen at random. */
export function randomMasks(masks: MutatorState, seed: number): MutatorState {
  const random = seededRandom(seed);
  return Object.fromEntries(
    Object.entries(masks).map(([unit, mask]) => {
      const kept = mask.reduce((sum, bit) => sum + bit, 0);
      const drawn = rankChannels(Float64Array.from(mask, random)).subarray(0, kept);
      const chosen = new Set(drawn);
      return [unit, mask.map((_, channel) => (chosen.has(channel) ? 1 : 0))];
    }),
  );
}
