import { EspalierError } from '../../errors.js';
import { algorithmInCode, unitArgsOf } from '../../prune-config/index.js';
import type { UnitArgs, UnitConfig } from '../../prune-config/resolved.js';
import { CRITERIA, type Criterion } from '../importance/index.js';
import type { ChannelUnit } from '../tracer/index.js';
import type { UnitType } from '../units/index.js';

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

/** The config with aliases replaced and its fields checked. @throws EspalierError CONFIG_INVALID */
export function checkedMutatorConfig({ parts, ignore, parse_cfg, ...fields }: MutatorConfig): MutatorConfig {
  const { mutator_cfg } = algorithmInCode({ mutator_cfg: defined(fields) });
  return { ...mutator_cfg, ...defined({ parts, ignore, parse_cfg }) };
}

/** A mutator whose units are of another type where the config names none. */
export function withUnitType(config: MutatorConfig, type: string): MutatorConfig {
  const checked = checkedMutatorConfig(config);
  return { ...checked, channel_unit_cfg: { type, ...checked.channel_unit_cfg } };
}

/** The criterion that a config names; undefined where it names none. @throws EspalierError CONFIG_INVALID */
export function findCriterion({ channel_unit_cfg, parts }: MutatorConfig, unitType: UnitType): Criterion | undefined {
  const name = channel_unit_cfg?.criterion;
  if (name === undefined) return undefined;
  if (!unitType.takesCriterion) {
    const message = `channel_unit_cfg.criterion: a ${unitType.name} takes none, got ${name}`;
    throw new EspalierError('CONFIG_INVALID', message);
  }
  const criteria = parts?.criteria ?? CRITERIA;
  const found = criteria.find((criterion) => criterion.name === name);
  if (found) return found;
  const known = criteria.map((criterion) => criterion.name).join(', ');
  throw new EspalierError('CONFIG_INVALID', `unknown criterion ${name}; there are ${known}`);
}

/** The arguments of one unit. @throws EspalierError CONFIG_INVALID for those that don't fit it. */
export function argsOfUnit(unit: ChannelUnit, config: UnitConfig | undefined, defaults: UnitArgs): UnitArgs {
  const { num_channels, ...args } = unitArgsOf(config, defaults) as UnitArgs & { num_channels?: number };
  if (num_channels !== undefined && num_channels !== unit.numChannels) {
    const message = `unit ${unit.name} has ${unit.numChannels} channels, init_args.num_channels is ${num_channels}`;
    throw new EspalierError('CONFIG_INVALID', message);
  }
  if (args.choice_mode === 'bucket' && !args.candidate_choices?.length) {
    throw new EspalierError('CONFIG_INVALID', `unit ${unit.name}: choice_mode bucket needs candidate_choices`);
  }
  return args;
}

function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
