import type { RelatedChannels } from '../tracer/index.js';
import type { MutableChannelUnit } from '../units/index.js';
import type { ChannelMutator } from './channel-mutator.js';

export interface TemplateOptions {
  readonly onlyMutableUnits?: boolean;
  readonly withUnitInitArgs?: boolean;
  readonly withChannels?: boolean;
}

interface RelatedTemplate {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface UnitTemplate {
  readonly init_args?: Record<string, unknown>;
  readonly channels?: {
    readonly output_related: readonly RelatedTemplate[];
    readonly input_related: readonly RelatedTemplate[];
  };
  readonly choice: number;
  readonly num_channels: number;
  readonly is_mutable: boolean;
}

/** The JSON of `GET /models/{id}/units`. */
export interface ConfigTemplate {
  readonly type: string;
  readonly channel_unit_cfg: {
    readonly type: string;
    readonly criterion?: string;
    readonly default_args: Record<string, unknown>;
    readonly units: Readonly<Record<string, UnitTemplate>>;
  };
  readonly parse_cfg: { readonly type: string };
  readonly unprunable: readonly { layer: string; channels: number; code: string; reason: string }[];
}

/** Describes a mutator's units as a config, which can be sent back in as `mutator_cfg`. */
export function configTemplate(mutator: ChannelMutator, options: TemplateOptions): ConfigTemplate {
  const units = options.onlyMutableUnits ? mutator.mutableUnits : mutator.units;
  return {
    type: mutator.constructor.name,
    channel_unit_cfg: {
      type: mutator.unitType.name,
      ...(mutator.criterion === undefined ? {} : { criterion: mutator.criterion }),
      default_args: { ...mutator.defaultArgs },
      units: Object.fromEntries(units.map((unit) => [unit.name, unitTemplate(unit, mutator.isMutable(unit), options)])),
    },
    parse_cfg: { type: mutator.parseType },
    unprunable: mutator.unprunable,
  };
}

function unitTemplate(unit: MutableChannelUnit, isMutable: boolean, options: TemplateOptions): UnitTemplate {
  const { outputRelated, inputRelated } = unit.channelUnit;
  return {
    ...(options.withUnitInitArgs ? { init_args: unit.initArgs } : {}),
    ...(options.withChannels
      ? { channels: { output_related: outputRelated.map(related), input_related: inputRelated.map(related) } }
      : {}),
    choice: unit.currentChoice,
    num_channels: unit.numChannels,
    is_mutable: isMutable,
  };
}

function related({ name, start, end }: RelatedChannels): RelatedTemplate {
  return { name, start, end };
}
