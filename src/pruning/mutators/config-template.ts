import type { RelatedConfig, UnitArgs } from '../config/unit-config.js';
import type { UnitsTemplate, UnitTemplate } from '../config/units-template.js';
import type { RelatedChannels } from '../tracer/index.js';
import type { MutableChannelUnit, UnitType } from '../units/index.js';

export interface TemplateOptions {
  readonly onlyMutableUnits?: boolean;
  readonly withUnitInitArgs?: boolean;
  readonly withChannels?: boolean;
}

/** What a template tells of a mutator. */
interface DescribedMutator extends Pick<UnitsTemplate, 'type' | 'unprunable'> {
  readonly units: readonly MutableChannelUnit[];
  readonly mutableUnits: readonly MutableChannelUnit[];
  readonly unitType: UnitType;
  readonly criterion: string | undefined;
  readonly defaultArgs: UnitArgs;
  readonly parseType: string;
  hasOwnArgs(unit: string): boolean;
  isMutable(unit: MutableChannelUnit): boolean;
}

/** Describes a mutator's units as a config, which can be sent back in as `mutator_cfg`. */
export function configTemplate(mutator: DescribedMutator, options: TemplateOptions): UnitsTemplate {
  const units = options.onlyMutableUnits ? mutator.mutableUnits : mutator.units;
  return {
    type: mutator.type,
    channel_unit_cfg: {
      type: mutator.unitType.name,
      ...(mutator.criterion === undefined ? {} : { criterion: mutator.criterion }),
      default_args: { ...mutator.defaultArgs },
      units: Object.fromEntries(units.map((unit) => [unit.name, unitTemplate(unit, mutator, options)])),
    },
    parse_cfg: { type: mutator.parseType },
    unprunable: mutator.unprunable,
  };
}

/** Arguments and channels that the unit can't be made again without are there whatever the options say. */
function unitTemplate(unit: MutableChannelUnit, mutator: DescribedMutator, options: TemplateOptions): UnitTemplate {
  const { outputRelated, inputRelated } = unit.channelUnit;
  const given = unit.args.candidate_choices ?? [];
  const rounded = unit.candidateChoices?.some((candidate) => !given.includes(candidate)) ?? false;
  const withArgs = options.withUnitInitArgs || rounded || mutator.hasOwnArgs(unit.name);
  return {
    ...(withArgs ? { init_args: unit.initArgs } : {}),
    ...(options.withChannels || mutator.parseType === 'Config'
      ? { channels: { output_related: outputRelated.map(related), input_related: inputRelated.map(related) } }
      : {}),
    choice: unit.currentChoice,
    num_channels: unit.numChannels,
    is_mutable: mutator.isMutable(unit),
  };
}

function related({ name, start, end }: RelatedChannels): Required<RelatedConfig> {
  return { name, start, end };
}
