import { EspalierError } from '../../errors.js';
import { ChannelMutator, type MutatorConfig } from './channel-mutator.js';

/** A kind of mutator as configs name it. */
export interface MutatorType {
  readonly name: string;
  readonly aliases: readonly string[];
  create(config: MutatorConfig): ChannelMutator;
}

/** Every mutator that comes with Espalier. */
export const MUTATOR_TYPES: readonly MutatorType[] = [
  {
    name: 'ChannelMutator',
    aliases: ['ChanelMutator', 'BaseChannelMutator', 'ChannelUnitMutator'],
    create: (config) => new ChannelMutator(config),
  },
];

/** @throws EspalierError CONFIG_INVALID for a type that there is not. */
export function createMutator(
  { type, ...config }: MutatorConfig & { readonly type: string },
  types: readonly MutatorType[] = MUTATOR_TYPES,
): ChannelMutator {
  const found = types.find((entry) => entry.name === type || entry.aliases.includes(type));
  if (found) return found.create(config);
  const known = types.map((entry) => entry.name).join(', ');
  throw new EspalierError('CONFIG_INVALID', `unknown mutator type ${type}; there are ${known}`);
}

export { ChannelMutator, type MutatorConfig, type MutatorState } from './channel-mutator.js';
export type { ConfigTemplate, TemplateOptions, UnitTemplate } from './config-template.js';
