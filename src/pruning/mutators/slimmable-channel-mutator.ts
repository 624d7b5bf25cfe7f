import { EspalierError } from '../../errors.js';
import type { Named } from '../config/named.js';
import { ChannelMutator } from './channel-mutator.js';

/** Owns the units of a slimmable network: the i-th candidates of all units are its i-th subnet. */
export class SlimmableChannelMutator extends ChannelMutator {
  static override readonly named: Named = { name: 'SlimmableChannelMutator' };
  static override readonly unitType = 'SlimmableChannelUnit';

  /**
   * The choices of each subnet, from the narrowest to the widest.
   * @throws EspalierError CONFIG_INVALID when units have different numbers of candidates.
   */
  get subnets(): Record<string, number>[] {
    const units = this.mutableUnits.map(({ name, candidateChoices = [] }) => ({ name, candidateChoices }));
    const size = units[0]?.candidateChoices.length ?? 0;
    for (const { name, candidateChoices } of units) {
      if (candidateChoices.length === size) continue;
      throw new EspalierError(
        'CONFIG_INVALID',
        `unit ${name} has ${candidateChoices.length} candidates, ${units[0].name} has ${size}; the units of a slimmable network have equally many`,
      );
    }
    return Array.from({ length: size }, (_, i) =>
      Object.fromEntries(units.map(({ name, candidateChoices }) => [name, candidateChoices[i]])),
    );
  }

  /** @throws EspalierError CONFIG_INVALID always: the choices of a slimmable network are its subnets. */
  override sampleChoices(): Record<string, number> {
    throw new EspalierError('CONFIG_INVALID', 'a slimmable network has no choices to sample, only its subnets');
  }
}
