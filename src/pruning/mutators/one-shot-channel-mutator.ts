import { EspalierError } from '../../errors.js';
import type { Named } from '../config/named.js';
import { OneShotChannelUnit } from '../units/index.js';
import { ChannelMutator, type SampleKind } from './channel-mutator.js';

/** Owns units with candidates; besides random ones it knows the largest and the smallest choices. */
export class OneShotChannelMutator extends ChannelMutator {
  static override readonly named: Named = { name: 'OneShotChannelMutator' };
  static override readonly unitType = 'OneShotChannelUnit';

  /** The largest candidate of each unit. @throws EspalierError CONFIG_INVALID for units of a kind without candidates. */
  get maxChoices(): Record<string, number> {
    return this.#candidates(({ maxChoice }) => maxChoice);
  }

  /** The smallest candidate of each unit. @throws as {@link maxChoices} */
  get minChoices(): Record<string, number> {
    return this.#candidates(({ minChoice }) => minChoice);
  }

  override sampleChoices(kind: SampleKind = 'random', random: () => number = Math.random): Record<string, number> {
    if (kind === 'max') return this.maxChoices;
    if (kind === 'min') return this.minChoices;
    return super.sampleChoices(kind, random);
  }

  #candidates(choose: (unit: OneShotChannelUnit) => number): Record<string, number> {
    return this.choicesOf((unit) => {
      if (unit instanceof OneShotChannelUnit) return choose(unit);
      const message = `unit ${unit.name}: a ${this.unitType.name} has no candidates to take the largest or smallest of`;
      throw new EspalierError('CONFIG_INVALID', message);
    });
  }
}
