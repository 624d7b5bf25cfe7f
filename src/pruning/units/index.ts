import { getNamed, type Named } from '../config/named.js';
import type { UnitArgs } from '../config/unit-config.js';
import { CRITERIA, type Criterion } from '../importance/index.js';
import type { MutableChannel } from '../mutables/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { CriterionChannelUnit } from './criterion-channel-unit.js';
import { DEFAULT_UNIT_ARGS } from './default-args.js';
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
export interface UnitType extends Named {
  /** True when the type ranks by `channel_unit_cfg.criterion`; for other types giving one is an error. */
  readonly takesCriterion?: boolean;
  /** What arguments are where a config says nothing else, as far as it is not {@link DEFAULT_UNIT_ARGS}. */
  readonly defaultArgs?: Partial<UnitArgs>;
  create(channelUnit: ChannelUnit, args: UnitArgs, setup: UnitSetup): MutableChannelUnit;
}

/** Every unit type that comes with Espalier; the first is what mutators take where nothing else is said. A mutator can be given more. */
export const UNIT_TYPES: readonly UnitType[] = [
  {
    name: 'CriterionChannelUnit',
    takesCriterion: true,
    create: (unit, args, { criterion = CRITERIA[0], mutable }) =>
      new CriterionChannelUnit(unit, criterion, args, mutable),
  },
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

/** The arguments of units of a type that have none of their own. */
export function defaultArgsOf({ defaultArgs }: Pick<UnitType, 'defaultArgs'>, given?: Partial<UnitArgs>): UnitArgs {
  return { ...DEFAULT_UNIT_ARGS, ...defaultArgs, ...given };
}

/** @throws EspalierError CONFIG_INVALID for a name that no type has. */
export function getUnitType(name: string, types: readonly UnitType[] = UNIT_TYPES): UnitType {
  return getNamed('channel unit type', name, types);
}

export type { UnitArgs, UnitConfig } from '../config/unit-config.js';
export { argsFaults, choiceFault, countOfChoice, keepsAll, unitArgsOf } from './choice.js';
export { CriterionChannelUnit, rankChannels } from './criterion-channel-unit.js';
export { DEFAULT_CAP, DEFAULT_FLOOR, DEFAULT_UNIT_ARGS } from './default-args.js';
export { L1ChannelUnit } from './l1-channel-unit.js';
export { type ChoiceRecord, MutableChannelUnit } from './mutable-channel-unit.js';
export { OneShotChannelUnit, SlimmableChannelUnit } from './one-shot-channel-unit.js';
export { PositionalChannelUnit } from './positional-channel-unit.js';
export { ratioOf, roundCount, roundRatio } from './rounding.js';
export { SequentialChannelUnit } from './sequential-channel-unit.js';
