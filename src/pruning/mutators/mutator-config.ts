import { OptionalFields } from '../../checks/index.js';
import { EspalierError } from '../../errors.js';
import { algorithmInCode } from '../config/in-code.js';
import { getNamed, type Named } from '../config/named.js';
import { mutatorSchema } from '../config/schema.js';
import type { UnitArgs, UnitConfig } from '../config/unit-config.js';
import { CRITERIA, type Criterion } from '../importance/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import { argsFaults, type UnitType, unitArgsOf } from '../units/index.js';

/** What units are made of. */
export interface UnitParts {
  readonly unitTypes: readonly UnitType[];
  readonly criteria: readonly Criterion[];
}

export interface MutatorConfig {
  /** The mutator's name among the types that there are; absent: that of its class. */
  readonly type?: string;
  readonly channel_unit_cfg?: {
    readonly type?: string;
    /** What a `CriterionChannelUnit` ranks channels by; `l1` when absent. */
    readonly criterion?: string;
    readonly default_args?: Partial<UnitArgs>;
    /** By unit name: `init_args` over the defaults, and the choice to start with. */
    readonly units?: Readonly<Record<string, UnitConfig>>;
  };
  /**
   * `ChannelAnalyzer` finds the units; `Config` takes those of `channel_unit_cfg.units`, `Predefined` those of a
   * `DynamicModel`; the analysis must bear both out.
   */
  readonly parse_cfg?: { readonly type: string };
  /** Globs on layer names whose output channels stay. */
  readonly ignore?: readonly string[];
  /** What `channel_unit_cfg` may name; absent: what comes with Espalier. */
  readonly parts?: UnitParts;
}

const Schema = OptionalFields({ mutator_cfg: mutatorSchema() });

/**
 * The config with aliases replaced and its fields checked.
 * @param named the mutator's names
 * @throws EspalierError CONFIG_INVALID
 */
export function checkedMutatorConfig(
  { parts, ignore, parse_cfg, ...fields }: MutatorConfig,
  { name, aliases = [] }: Named,
): MutatorConfig {
  const { mutator_cfg } = algorithmInCode(Schema, { mutator_cfg: defined(fields) });
  const type = aliases.includes(mutator_cfg.type ?? '') ? name : mutator_cfg.type;
  return { ...mutator_cfg, ...defined({ type, parts, ignore, parse_cfg }) };
}

/** The criterion that a config names; undefined where it names none. @throws EspalierError CONFIG_INVALID */
export function findCriterion({ channel_unit_cfg, parts }: MutatorConfig, unitType: UnitType): Criterion | undefined {
  const name = channel_unit_cfg?.criterion;
  if (name === undefined) return undefined;
  if (!unitType.takesCriterion) {
    const message = `channel_unit_cfg.criterion: a ${unitType.name} takes none, got ${name}`;
    throw new EspalierError('CONFIG_INVALID', message);
  }
  return getNamed('criterion', name, parts?.criteria ?? CRITERIA);
}

/** The arguments of one unit. @throws EspalierError CONFIG_INVALID for those that don't fit it. */
export function argsOfUnit(unit: ChannelUnit, config: UnitConfig | undefined, defaults: UnitArgs): UnitArgs {
  const { num_channels, ...args } = unitArgsOf(config, defaults) as UnitArgs & { num_channels?: number };
  if (num_channels !== undefined && num_channels !== unit.numChannels) {
    const message = `unit ${unit.name} has ${unit.numChannels} channels, init_args.num_channels is ${num_channels}`;
    throw new EspalierError('CONFIG_INVALID', message);
  }
  const [fault] = argsFaults(args);
  if (fault) throw new EspalierError('CONFIG_INVALID', `unit ${unit.name}: ${fault.join(' ')}`);
  return args;
}

function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
