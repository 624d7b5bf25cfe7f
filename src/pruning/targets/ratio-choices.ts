import type { ChannelMutator } from '../mutators/index.js';

/**
 * The choices of a `target_pruning_ratio`: what remains, by unit name, or one number for every mutable unit.
 * @throws EspalierError UNIT_UNKNOWN for a name that no mutable unit has, CHOICE_INVALID
 */
export function ratioChoices(
  mutator: ChannelMutator,
  ratio: number | Readonly<Record<string, number>>,
): Record<string, number> {
  const choices =
    typeof ratio === 'number'
      ? Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, ratio]))
      : { ...ratio };
  for (const [name, choice] of Object.entries(choices)) mutator.getMutableUnit(name).countFor(choice);
  return choices;
}
