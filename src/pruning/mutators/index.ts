import { EspalierError } from '../../errors.js';
import { ChannelMutator } from './channel-mutator.js';
import type { MutatorConfig, UnitParts } from './mutator-config.js';
import { OneShotChannelMutator } from './one-shot-channel-mutator.js';
import { SlimmableChannelMutator } from './slimmable-channel-mutator.js';

/** A kind of mutator as configs name it. */
export interface MutatorType {
  readonly name: string;
  readonly aliases?: readonly string[];
  create(config: MutatorConfig): ChannelMutator;
}

/** What a mutator is made of. */
export interface MutatorParts extends UnitParts {
  readonly mutators: readonly MutatorType[];
}

/** Every mutator that comes with Espalier. */
export const MUTATOR_TYPES: readonly MutatorType[] = [
  {
    name: 'ChannelMutator',
    aliases: ['ChanelMutator', 'BaseChannelMutator', 'ChannelUnitMutator'],
    create: (config) => new ChannelMutator(config),
  },
  { name: 'OneShotChannelMutator', create: (config) => new OneShotChannelMutator(config) },
  { name: 'SlimmableChannelMutator', create: (config) => new SlimmableChannelMutator(config) },
];

/** @throws EspalierError CONFIG_INVALID for a type that there is not. */
export function createMutator(
  { type, ...config }: MutatorConfig & { readonly type: string },
  types: readonly MutatorType[] = MUTATOR_TYPES,
): ChannelMutator {
  const found = types.find((entry) => entry.name === type || entry.aliases?.includes(type));
  if (found) return found.create({ ...config, type: found.name });
  const known = types.map((entry) => entry.name).join(', ');
  throw new EspalierError('CONFIG_INVALID', `unknown mutator type ${type}; there are ${known}`);
}

export { ChannelMutator, type MutatorState, type SampleKind } from './channel-mutator.js';
export type { TemplateOptions } from './config-template.js';
export type { MutatorConfig, UnitParts } from './mutator-config.js';
export { OneShotChannelMutator } from './one-shot-channel-mutator.js';
export { SlimmableChannelMutator } from './slimmable-channel-mutator.js';
