import fc from 'fast-check';
import type { ChannelMutator } from '../../src/pruning/index.js';

/** How many of 100 channels go, for the units in turn; 0 is the simplest. */
export const randomDrops: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 99 }), { minLength: 1, maxLength: 5 });

/** Sets the choices that drops say; at least one channel of each unit stays. */
export function dropChannels(mutator: ChannelMutator, drops: readonly number[]): Record<string, number> {
  const choices = Object.fromEntries(
    mutator.mutableUnits.map((unit, i) => {
      const dropped = Math.floor((drops[i % drops.length] * unit.numChannels) / 100);
      return [unit.name, unit.choiceFor(unit.numChannels - dropped)];
    }),
  );
  mutator.setChoices(choices);
  return choices;
}
