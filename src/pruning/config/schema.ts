/** The schemas of the framework's parts, for configs on the wire and in code. */
import Type, { type TProperties, type TSchema } from 'typebox';
import {
  about,
  aboutDependent,
  closed,
  LONGEST_NAME,
  LONGEST_PART_NAME,
  LONGEST_TEXT,
  MOST_LAYERS,
  MOST_UNITS,
  OptionalFields,
} from '../../checks/index.js';
import type { AlgorithmParameters } from './named.js';

/** Of records by unit. */
const byUnit = { maxProperties: MOST_UNITS, propertyNames: { maxLength: LONGEST_NAME } } as const;

/** A name that is looked up in what is installed: plugins add to it. */
const Name = Type.String({ maxLength: LONGEST_PART_NAME });

/** A choice by `choice_mode`: `choiceFault` says what it may be. */
const Choice = (options = {}) => Type.Number({ exclusiveMinimum: 0, ...options });

/** @param say what an argument is for, and what it is where it is left out */
const unitArgs = (say: typeof aboutDependent) => ({
  choice_mode: Type.Enum(
    ['ratio', 'number', 'bucket'],
    say(
      'What a choice means: `ratio` the remaining share in (0, 1], `number` a count of channels, `bucket` one of `candidate_choices`.',
      'ratio',
    ),
  ),
  divisor: Type.Union(
    [Type.Integer({ minimum: 1, maximum: 65536 }), Type.Literal('auto')],
    say(
      'Kept channels are a multiple of this. `auto`: of what the runtime rewards, measured on this machine, where a `target` is planned for; any number elsewhere.',
      1,
    ),
  ),
  min_value: Type.Integer({ minimum: 1, maximum: 1048576, ...say('Never fewer channels than this.', 1) }),
  min_ratio: Type.Number({
    exclusiveMinimum: 0,
    maximum: 1,
    ...say('Rounding to `divisor` never goes below this share of the choice.', 0.9),
  }),
  candidate_choices: Type.Array(Choice(), {
    minItems: 1,
    maxItems: 1024,
    description: 'The choices of `bucket` mode: whole numbers are channels, fractions are shares.',
  }),
  floor: Type.Number({
    minimum: 0,
    maximum: 1,
    ...say('The least share of its channels that a `target` leaves a unit.', 0.1),
  }),
  cap: Type.Number({
    exclusiveMinimum: 0,
    maximum: 1,
    ...say('The greatest share of its channels that a `target` leaves a unit.', 1),
  }),
});

export const DefaultArgs = OptionalFields(
  unitArgs(aboutDependent),
  about('Arguments of every unit that has none of its own. Types of units may start from others than said here.', {}),
);

const RelatedChannels = Type.Object(
  {
    name: Type.String({ maxLength: LONGEST_NAME, description: "The layer's name." }),
    start: Type.Optional(Type.Integer({ minimum: 0, ...about('First channel. Default 0.') })),
    end: Type.Optional(Type.Integer({ minimum: 1, ...about('One past the last channel. Default: all of the unit.') })),
  },
  closed,
);

const Related = (description: string) => Type.Array(RelatedChannels, { maxItems: MOST_LAYERS, description });

const Unit = OptionalFields({
  init_args: OptionalFields(
    { num_channels: Type.Integer({ minimum: 1 }), ...unitArgs((description) => about(description)) },
    about('Arguments of this unit, merged over `default_args`.'),
  ),
  channels: Type.Object(
    {
      output_related: Related('Layers that produce these channels.'),
      input_related: Related('Layers that consume these channels.'),
    },
    { ...closed, description: 'The coupled channels; read when `parse_cfg.type` is `Config`.' },
  ),
  choice: Choice(about('What stays, by `choice_mode`. Used as the target when there is no other target.')),
  num_channels: Type.Integer({ minimum: 1 }),
  is_mutable: Type.Boolean(),
});

const UnprunableLayer = OptionalFields({
  layer: Type.String({ maxLength: LONGEST_NAME }),
  channels: Type.Integer(),
  code: Type.String({ maxLength: LONGEST_NAME }),
  reason: Type.String({ maxLength: LONGEST_TEXT }),
});

/** @param names the schemas of the parts' names, where more is known of them. */
export const mutatorSchema = ({ type = Name, unitType = Name, criterion = Name } = {}) =>
  OptionalFields(
    {
      type,
      channel_unit_cfg: OptionalFields(
        {
          type: unitType,
          criterion,
          default_args: DefaultArgs,
          units: Type.Record(Type.String(), Unit, {
            ...byUnit,
            ...about('Settings by unit name, as `GET /models/{id}/units` lists them.', {}),
          }),
        },
        { default: {} },
      ),
      parse_cfg: OptionalFields(
        {
          type: Type.Enum(['ChannelAnalyzer', 'Config'], {
            default: 'ChannelAnalyzer',
            description:
              'Where the units come from: `ChannelAnalyzer` finds them, `Config` takes them from `channel_unit_cfg.units`.',
          }),
        },
        { default: {} },
      ),
      unprunable: Type.Array(UnprunableLayer, {
        maxItems: MOST_LAYERS,
        description: 'Part of what `GET /models/{id}/units` answers; not read.',
      }),
    },
    { default: {} },
  );

/** @param parameters the algorithm's own fields @param common `type` and `mutator_cfg` */
export const algorithmSchema = <C extends TProperties>(parameters: AlgorithmParameters, common: C) =>
  OptionalFields(
    {
      ...common,
      ...(parameters as Record<never, TSchema>),
      target_pruning_ratio: Type.Union(
        [Choice(), Type.Record(Type.String(), Choice(), byUnit)],
        about(
          'What stays, by `choice_mode` (a share in (0, 1] by default): one number for all units, or one by unit name. Excludes `target`.',
        ),
      ),
    },
    { default: {} },
  );
