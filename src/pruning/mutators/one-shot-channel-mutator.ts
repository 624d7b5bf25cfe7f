import type { OneShotChannelUnit } from '../units/index.js';
import { ChannelMutator, type MutatorConfig, type SampleKind } from './channel-mutator.js';

/** Owns units with candidates; besides random ones it knows the largest and the smallest choices. */
export class OneShotChannelMutator extends ChannelMutator {
  constructor(config: MutatorConfig = {}) {
    super({ ...config, channel_unit_cfg: { type: 'OneShotChannelUnit', ...config.channel_unit_cfg } });
  }

  /** The largest candidate of each unit. */
  get maxChoices(): Record<string, number> {
    return this.choicesOf<OneShotChannelUnit>((unit) => unit.maxChoice);
  }

  /** The smallest candidate of each unit. */
  get minChoices(): Record<string, number> {
    return this.choicesOf<OneShotChannelUnit>((unit) => unit.minChoice);
  }

  override sampleChoices(kind: SampleKind = 'random', random: () => number = Math.random): Record<string, number> {
    if (kind === 'max') return this.maxChoices;
    if (kind === 'min') return this.minChoices;
    return super.sampleChoices(kind, random);
  }
}
