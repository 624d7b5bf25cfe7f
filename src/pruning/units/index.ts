import { EspalierError } from '../../errors.js';
import type { UnitArgs } from '../../prune-config/resolved.js';
import { type Criterion, L1_CRITERION } from '../importance/index.js';
import type { MutableChannel } from '../mutables/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { CriterionChannelUnit } from './criterion-channel-unit.js';
import { L1ChannelUnit } from './l1-channel-unit.js';
import type { MutableChannelUnit } from './mutable-channel-unit.js';
import { OneShotChannelUnit, SlimmableChannelUnit } from './one-shot-channel-unit.js';
import { SequentialChannelUnit } from './sequential-channel-unit.js';

/** What a unit is made with, besides its channels and arguments. */
export interface UnitSetup {
  /** `channel_unit_cfg.criterion`, for the types that rank by one. */
  readonly criterion?: Criterion;
  /** Of a predefined model: the mutable that already decides over these channels. */
  readonly mutable?: MutableChannel;
}

/** A kind of unit as configs name it. */
export interface UnitType {
  readonly name: string;
  /** Other names that configs may use; the original's among them. */
  readonly aliases?: readonly string[];
  /** True when the type ranks by `channel_unit_cfg.criterion`; for other types giving one is an error. */
  readonly takesCriterion?: boolean;
  /** What arguments are when a config says nothing else, where they differ from the usual. */
  readonly defaultArgs?: Partial<UnitArgs>;
  create(channelUnit: ChannelUnit, args: UnitArgs, setup: UnitSetup): MutableChannelUnit;
}

/** Every unit type that comes with Espalier. A mutator can be given more. */
export const UNIT_TYPES: readonly UnitType[] = [
  {
    name: 'L1ChannelUnit',
    aliases: ['L1MutableChannelUnit'],
    create: (unit, args, { mutable }) => new L1ChannelUnit(unit, args, mutable),
  },
  {
    name: 'SequentialChannelUnit',
    aliases: ['SequentialMutableChannelUnit'],
    create: (unit, args, { mutable }) => new SequentialChannelUnit(unit, args, mutable),
  },
  {
    name: 'CriterionChannelUnit',
    takesCriterion: true,
    create: (unit, args, { criterion = L1_CRITERION, mutable }) =>
      new CriterionChannelUnit(unit, criterion, args, mutable),
  },
  {
    name: 'OneShotChannelUnit',
    aliases: ['OneShotMutableChannelUnit'],
    create: (unit, args, { mutable }) => new OneShotChannelUnit(unit, args, mutable),
  },
  {
    name: 'SlimmableChannelUnit',
    defaultArgs: { choice_mode: 'number' },
    create: (unit, args, { mutable }) => new SlimmableChannelUnit(unit, args, mutable),
  },
];

/** @throws EspalierError CONFIG_INVALID for a name that no type has. */
export function getUnitType(name: string, types: readonly UnitType[] = UNIT_TYPES): UnitType {
  const type = types.find((entry) => entry.name === name || entry.aliases?.includes(name));
  if (type) return type;
  const known = types.map((entry) => entry.name).join(', ');
  throw new EspalierError('CONFIG_INVALID', `unknown channel unit type ${name}; there are ${known}`);
}

export { CriterionChannelUnit, rankChannels } from './criterion-channel-unit.js';
export { L1ChannelUnit } from './l1-channel-unit.js';
export { type ChoiceRecord, DEFAULT_UNIT_ARGS, MutableChannelUnit } from './mutable-channel-unit.js';
export { OneShotChannelUnit, SlimmableChannelUnit } from './one-shot-channel-unit.js';
export { PositionalChannelUnit } from './positional-channel-unit.js';
export { ratioOf, roundCount, roundRatio } from './rounding.js';
export { SequentialChannelUnit } from './sequential-channel-unit.js';
