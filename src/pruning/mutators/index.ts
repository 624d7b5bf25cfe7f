import { getNamed, type Named } from '../config/named.js';
import { ChannelMutator } from './channel-mutator.js';
import type { MutatorConfig, UnitParts } from './mutator-config.js';
import { OneShotChannelMutator } from './one-shot-channel-mutator.js';
import { SlimmableChannelMutator } from './slimmable-channel-mutator.js';

/** A kind of mutator as configs name it. */
export interface MutatorType extends Named {
  /** The type of its units where a config names none; absent: the first that there is. */
  readonly unitType?: string | undefined;
  create(config: MutatorConfig): ChannelMutator;
}

/** What a mutator is made of. */
export interface MutatorParts extends UnitParts {
  readonly mutators: readonly MutatorType[];
}

const row = (Mutator: typeof ChannelMutator): MutatorType => {
  return { ...Mutator.named, unitType: Mutator.unitType, create: (config) => new Mutator(config) };
};

/** Every mutator that comes with Espalier. */
export const MUTATOR_TYPES: readonly MutatorType[] = [
  row(ChannelMutator),
  row(OneShotChannelMutator),
  row(SlimmableChannelMutator),
];

/** @throws EspalierError CONFIG_INVALID for a type that there is not; absent: the first. */
export function createMutator(
  { type = MUTATOR_TYPES[0].name, ...config }: MutatorConfig,
  types: readonly MutatorType[] = MUTATOR_TYPES,
): ChannelMutator {
  const found = getNamed('mutator type', type, types);
  return found.create({ ...config, type: found.name });
}

export type { UnitsTemplate, UnitTemplate } from '../config/units-template.js';
export { ChannelMutator, type MutatorState, type SampleKind } from './channel-mutator.js';
export type { TemplateOptions } from './config-template.js';
export type { MutatorConfig, UnitParts } from './mutator-config.js';
export { OneShotChannelMutator } from './one-shot-channel-mutator.js';
export { SlimmableChannelMutator } from './slimmable-channel-mutator.js';
