import { EspalierError } from '../../errors.js';
import type { UnitArgs } from '../../prune-config/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { L1ChannelUnit } from './l1-channel-unit.js';
import type { MutableChannelUnit } from './mutable-channel-unit.js';
import { SequentialChannelUnit } from './sequential-channel-unit.js';

/** A kind of unit as configs name it. */
export interface UnitType {
  readonly name: string;
  /** Other names that configs may use; the original's among them. */
  readonly aliases: readonly string[];
  create(channelUnit: ChannelUnit, args: UnitArgs): MutableChannelUnit;
}

/** Every unit type that comes with Espalier. A mutator can be given more. */
export const UNIT_TYPES: readonly UnitType[] = [
  {
    name: 'L1ChannelUnit',
    aliases: ['L1MutableChannelUnit'],
    create: (unit, args) => new L1ChannelUnit(unit, args),
  },
  {
    name: 'SequentialChannelUnit',
    aliases: ['SequentialMutableChannelUnit'],
    create: (unit, args) => new SequentialChannelUnit(unit, args),
  },
];

/** @throws EspalierError CONFIG_INVALID for a name that no type has. */
export function getUnitType(name: string, types: readonly UnitType[] = UNIT_TYPES): UnitType {
  const type = types.find((entry) => entry.name === name || entry.aliases.includes(name));
  if (type) return type;
  const known = types.map((entry) => entry.name).join(', ');
  throw new EspalierError('CONFIG_INVALID', `unknown channel unit type ${name}; there are ${known}`);
}

export { L1ChannelUnit, rankChannels } from './l1-channel-unit.js';
export { type ChoiceRecord, DEFAULT_UNIT_ARGS, MutableChannelUnit } from './mutable-channel-unit.js';
export { makeDivisible, type Rounding, ratioOf, roundCount, roundRatio } from './rounding.js';
export { SequentialChannelUnit } from './sequential-channel-unit.js';
