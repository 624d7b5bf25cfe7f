/**
 * The config on the wire. Every field is optional and says its default; names and meanings are those of the pruning
 * guide. What a schema can't say (which fields go together) is checked in resolve.ts.
 */
import Type from 'typebox';
import { LONGEST_NAME, LONGEST_TEXT, MOST_LAYERS, MOST_NAMES, MOST_UNITS } from '../checks/index.js';
import { FinetuneInput } from './finetune-schema.js';

const closed = { additionalProperties: false } as const;

/** Of records by unit. */
const byUnit = { maxProperties: MOST_UNITS, propertyNames: { maxLength: LONGEST_NAME } } as const;

/** Channels that values of the input may have. */
const MOST_SCALES = 1024;

/** A name that resolve.ts looks up in what is installed: plugins add to it. */
const PartName = (description: string) =>
  Type.String({ maxLength: 200, description: `${description} \`GET /capabilities\` lists all that there are.` });

const ChoiceMode = Type.Enum(['ratio', 'number', 'bucket'], {
  description:
    'What a choice means: `ratio` the remaining share in (0, 1], `number` a count of channels, `bucket` one of `candidate_choices`. Default `ratio`.',
});

const unitArgs = {
  choice_mode: Type.Optional(ChoiceMode),
  divisor: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 65536, description: 'Kept channels are a multiple of this. Default 1.' }),
  ),
  min_value: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1048576, description: 'Never fewer channels than this. Default 1.' }),
  ),
  min_ratio: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description: 'Rounding to `divisor` never goes below this share of the choice. Default 0.9.',
    }),
  ),
  floor: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'The least share of its channels that a `target` leaves a unit. Default 0.1.',
    }),
  ),
  cap: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description: 'The greatest share of its channels that a `target` leaves a unit. Default 1.',
    }),
  ),
  candidate_choices: Type.Optional(
    Type.Array(Type.Number({ exclusiveMinimum: 0 }), {
      minItems: 1,
      maxItems: 1024,
      description: 'The choices of `bucket` mode: whole numbers are channels, fractions are shares.',
    }),
  ),
};

const RelatedChannels = Type.Object(
  {
    name: Type.String({ maxLength: LONGEST_NAME, description: "The layer's name." }),
    start: Type.Optional(Type.Integer({ minimum: 0, description: 'First channel. Default 0.' })),
    end: Type.Optional(
      Type.Integer({ minimum: 1, description: 'One past the last channel. Default: all of the unit.' }),
    ),
  },
  closed,
);

const Unit = Type.Object(
  {
    init_args: Type.Optional(
      Type.Object(
        { num_channels: Type.Optional(Type.Integer({ minimum: 1 })), ...unitArgs },
        { ...closed, description: 'Arguments of this unit, merged over `default_args`.' },
      ),
    ),
    channels: Type.Optional(
      Type.Object(
        {
          output_related: Type.Array(RelatedChannels, {
            maxItems: MOST_LAYERS,
            description: 'Layers that produce these channels.',
          }),
          input_related: Type.Array(RelatedChannels, {
            maxItems: MOST_LAYERS,
            description: 'Layers that consume these channels.',
          }),
        },
        { ...closed, description: 'The coupled channels; read when `parse_cfg.type` is `Config`.' },
      ),
    ),
    choice: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description: 'What stays, by `choice_mode`. Used as the target when there is no other target.',
      }),
    ),
    num_channels: Type.Optional(Type.Integer({ minimum: 1 })),
    is_mutable: Type.Optional(Type.Boolean()),
  },
  closed,
);

const UnprunableLayer = Type.Object(
  {
    layer: Type.Optional(Type.String({ maxLength: LONGEST_NAME })),
    channels: Type.Optional(Type.Integer()),
    code: Type.Optional(Type.String({ maxLength: LONGEST_NAME })),
    reason: Type.Optional(Type.String({ maxLength: LONGEST_TEXT })),
  },
  closed,
);

const MutatorConfig = Type.Object(
  {
    type: Type.Optional(
      PartName(
        '`ChannelMutator`, `OneShotChannelMutator` (candidates), `SlimmableChannelMutator` (candidates that form subnets). Default `ChannelMutator`.',
      ),
    ),
    channel_unit_cfg: Type.Optional(
      Type.Object(
        {
          type: Type.Optional(
            PartName(
              'How a unit chooses its channels: `L1ChannelUnit` keeps the largest mean absolute weights, `SequentialChannelUnit` the first ones, `CriterionChannelUnit` the best by `criterion`; `OneShotChannelUnit` and `SlimmableChannelUnit` the first ones, as many as one of `candidate_choices`. Default `L1ChannelUnit`.',
            ),
          ),
          criterion: Type.Optional(
            PartName('What a `CriterionChannelUnit` ranks channels by; other types take none. Default `l1`.'),
          ),
          default_args: Type.Optional(
            Type.Object(unitArgs, { ...closed, description: 'Arguments of every unit that has none of its own.' }),
          ),
          units: Type.Optional(
            Type.Record(Type.String(), Unit, {
              ...byUnit,
              description: 'Settings by unit name, as `GET /models/{id}/units` lists them.',
            }),
          ),
        },
        closed,
      ),
    ),
    parse_cfg: Type.Optional(
      Type.Object(
        {
          type: Type.Optional(
            Type.Enum(['ChannelAnalyzer', 'Config'], {
              description:
                'Where the units come from: `ChannelAnalyzer` finds them, `Config` takes them from `channel_unit_cfg.units`. Default `ChannelAnalyzer`.',
            }),
          ),
        },
        closed,
      ),
    ),
    unprunable: Type.Optional(
      Type.Array(UnprunableLayer, {
        maxItems: MOST_LAYERS,
        description: 'Part of what `GET /models/{id}/units` answers; not read.',
      }),
    ),
  },
  closed,
);

const ShareOrAtMost = (unit: string) =>
  Type.Union(
    [
      Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
      Type.Object({ at_most: Type.Number({ exclusiveMinimum: 0, description: unit }) }, closed),
    ],
    { description: `A share in (0, 1] of the original, or {"at_most": NUMBER} in ${unit}.` },
  );

const Target = Type.Object(
  {
    macs: Type.Optional(ShareOrAtMost('multiply-adds')),
    flops: Type.Optional(ShareOrAtMost('multiply-adds (another name of `macs`)')),
    parameters: Type.Optional(ShareOrAtMost('parameters')),
    size: Type.Optional(ShareOrAtMost('bytes')),
    latency: Type.Optional(ShareOrAtMost('milliseconds of one sample, median, measured on the worker')),
    peak_memory: Type.Optional(ShareOrAtMost('bytes; not supported yet')),
    max_accuracy_drop: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1, description: '0.01 is one point. Not supported yet.' }),
    ),
  },
  {
    ...closed,
    description:
      'What the pruned model may cost: one of the fields. Default `{"macs": 0.5}`. Excludes `algorithm.target_pruning_ratio`.',
  },
);

/** The config as users send it: {@link resolveConfig} turns it into a `PruneConfig`. */
export const PruneConfigInput = Type.Object(
  {
    algorithm: Type.Optional(
      Type.Object(
        {
          type: Type.Optional(PartName('When channels go. Default `IteAlgorithm`.')),
          mutator_cfg: Type.Optional(MutatorConfig),
          step_freq: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 10000,
              description: 'Epochs between prune steps; iterations where `finetune.epochs` is 1. Default 1.',
            }),
          ),
          prune_times: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 10000,
              description:
                'Prune steps. Default 3 with finetuning (fewer when there are too few epochs), else 1. The last one, at (prune_times - 1) * step_freq, must come before the last epoch ends.',
            }),
          ),
          linear_schedule: Type.Optional(
            Type.Boolean({ description: 'Step by step to the target, or all of it at the first step. Default true.' }),
          ),
          target_pruning_ratio: Type.Optional(
            Type.Union(
              [
                Type.Number({ exclusiveMinimum: 0 }),
                Type.Record(Type.String(), Type.Number({ exclusiveMinimum: 0 }), byUnit),
              ],
              {
                description:
                  'What stays, by `choice_mode` (a share in (0, 1] by default): one number for all units, or one by unit name. Excludes `target`.',
              },
            ),
          ),
        },
        closed,
      ),
    ),
    target: Type.Optional(Target),
    outputs: Type.Optional(
      Type.Array(Type.String({ maxLength: LONGEST_NAME }), {
        minItems: 1,
        maxItems: MOST_NAMES,
        description: 'Outputs to keep, each once. Default all.',
      }),
    ),
    ignore: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: LONGEST_NAME }), {
        maxItems: MOST_NAMES,
        description: 'Globs on layer names (`head/*`) whose channels stay. Default none.',
      }),
    ),
    finetune: Type.Optional(
      Type.Union([Type.Literal(false), FinetuneInput], {
        description: 'Training after each prune step, or false. Needs a data set. Default: on when there is one.',
      }),
    ),
    scaling: Type.Optional(
      Type.Union(
        [
          Type.Enum(['auto', 'none', '1/255']),
          Type.Object(
            {
              mean: Type.Array(Type.Number(), { minItems: 1, maxItems: MOST_SCALES }),
              std: Type.Array(Type.Number({ exclusiveMinimum: 0 }), { minItems: 1, maxItems: MOST_SCALES }),
            },
            closed,
          ),
        ],
        {
          description:
            'How raw values become model inputs: "auto" (floats as they are; integers divided by 255, unless the unpruned model does clearly better on them as they are or from -1 to 1), "none", "1/255", or {"mean", "std"}: (x - mean) / std on the raw values, one number or one for each of the last axis. Default "auto".',
        },
      ),
    ),
    counting: Type.Optional(
      Type.Enum(['macs', 'mmrazor'], {
        description:
          '`macs` counts products of conv and dense layers; `mmrazor` counts as that estimator. Default `macs`.',
      }),
    ),
    dry_run: Type.Optional(Type.Boolean({ description: 'Stop after planning. Default false.' })),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 4294967295, description: 'Default 0.' })),
  },
  {
    ...closed,
    description:
      'How to prune and finetune. Everything has a default: L1 units, half of the MACs, finetuning when there is a data set.',
  },
);

export type PruneConfigInput = Type.Static<typeof PruneConfigInput>;
