/**
 * The config on the wire. Every field is optional and has a default; names and meanings are those of the pruning guide.
 * What a schema can't say (which fields go together, and defaults that other fields give) is in resolve.ts.
 */
import Type, { type Static } from 'typebox';
import {
  about,
  aboutDependent,
  closed,
  defaultText,
  LONGEST_NAME,
  LONGEST_PART_NAME,
  MOST_NAMES,
  OptionalFields,
} from '../checks/index.js';
import { algorithmSchema, mutatorSchema } from '../pruning/config/schema.js';
import { type AlgorithmParameters, BUILT_IN_PARTS } from '../pruning/index.js';
import { FinetuneInput, HANDFUL } from './finetune-schema.js';

/** Channels that values of the input may have. */
const MOST_SCALES = 1024;

/** A name that resolve.ts looks up in what is installed: plugins add to it. */
const PartName = (description: string, fallback?: string, say: typeof about = about) =>
  Type.String({
    maxLength: LONGEST_PART_NAME,
    ...say(`${description} \`GET /capabilities\` lists all that there are.`, fallback),
  });

const { algorithms, mutators, unitTypes, criteria } = BUILT_IN_PARTS;

const names = {
  type: PartName('When channels go.', algorithms[0].name),
  mutator_cfg: mutatorSchema({
    type: PartName(
      '`ChannelMutator`, `OneShotChannelMutator` (candidates), `SlimmableChannelMutator` (candidates that form subnets).',
      mutators[0].name,
    ),
    unitType: PartName(
      'How a unit chooses its channels: `L1ChannelUnit` keeps the largest mean absolute weights, `SequentialChannelUnit` the first ones, `CriterionChannelUnit` the best by `criterion`; `OneShotChannelUnit` and `SlimmableChannelUnit` the first ones, as many as one of `candidate_choices`. Mutators may start from another.',
      unitTypes[0].name,
      aboutDependent,
    ),
    criterion: PartName(
      `What a \`CriterionChannelUnit\` ranks channels by; other types take none: \`obs\` by what the layers that read them lose on samples, \`l1\` by mean absolute weights, \`auto\` by samples where there are some, else by weights. ${defaultText(criteria[0].name)}`,
    ),
  }),
};

const ShareOrAtMost = (unit: string) =>
  Type.Union(
    [
      Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
      Type.Object({ at_most: Type.Number({ exclusiveMinimum: 0, description: unit }) }, closed),
    ],
    about(`A share in (0, 1] of the original, or {"at_most": NUMBER} in ${unit}.`),
  );

const Target = OptionalFields(
  {
    macs: ShareOrAtMost('multiply-adds'),
    flops: ShareOrAtMost('multiply-adds (another name of `macs`)'),
    parameters: ShareOrAtMost('parameters'),
    size: ShareOrAtMost('bytes'),
    latency: ShareOrAtMost('milliseconds of one sample, median, measured on the worker'),
    peak_memory: ShareOrAtMost('bytes; not supported yet'),
    max_accuracy_drop: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description: '0.01 is one point. Not supported yet.',
    }),
  },
  aboutDependent('What the pruned model may cost: one of the fields. Excludes `algorithm.target_pruning_ratio`.', {
    macs: 0.5,
  }),
);

const Recovery = OptionalFields(
  {
    method: Type.Enum(
      ['auto', 'least_squares', 'statistics', 'none'],
      about(
        "`least_squares` sets weights so that layers give what the original gives; `statistics` only means and spreads. The network as it was pruned takes part: it stays where it does better on samples held back. `auto` is `least_squares`. Where there is no data set, samples are made of what the model's batch norms hold; `auto` does without where it holds none, or making them would take long, and leaves samples aside that are noise.",
        'auto',
      ),
    ),
    samples: Type.Integer({
      minimum: 4,
      maximum: 100_000,
      ...about(
        'At most so many training samples are looked at, without their labels, to set weights and to rank channels.',
        1000,
      ),
    }),
    add_biases: Type.Boolean(
      about(
        'Whether layers that have neither a bias nor a batch norm behind them are given a bias in the file, where a mean is to be put right. `false` leaves the layers as they are built, for whoever loads the weights into code of their own.',
        true,
      ),
    ),
  },
  about('After each prune step, before any training: the weights that are left are set by samples.', {}),
);

/** @param parameters the algorithm's own fields */
const configSchema = (parameters: AlgorithmParameters) =>
  OptionalFields(
    {
      algorithm: algorithmSchema(parameters, names),
      target: Target,
      outputs: Type.Array(Type.String({ maxLength: LONGEST_NAME }), {
        minItems: 1,
        maxItems: MOST_NAMES,
        description: 'Outputs to keep, each once. Default all.',
      }),
      ignore: Type.Array(Type.String({ minLength: 1, maxLength: LONGEST_NAME }), {
        maxItems: MOST_NAMES,
        ...about('Globs on layer names (`head/*`) whose channels stay.', []),
      }),
      allocation: Type.Enum(
        ['uniform', 'global', 'sensitivity'],
        about(
          `How a \`target\` shares out the channels that go. \`uniform\`: every unit loses the same share; \`global\`: channels of all units are ranked together by importance; \`sensitivity\`: units are tried by themselves on samples, and channels go where the network loses least for what it saves. Default: \`sensitivity\` where there are ${HANDFUL} samples or more, and as long as trying is affordable; \`uniform\` with fewer; else \`global\`. Excludes \`algorithm.target_pruning_ratio\`.`,
        ),
      ),
      finetune: Type.Union(
        [Type.Literal(false), FinetuneInput],
        about(
          'Training after each prune step, or false. Needs a data set. Default: on when there is one; without labels the original teaches.',
        ),
      ),
      recovery: Recovery,
      scaling: Type.Union(
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
        aboutDependent(
          'How raw values become model inputs: "auto" (floats as they are; integers divided by 255, unless the unpruned model does clearly better on them as they are or from -1 to 1), "none", "1/255", or {"mean", "std"}: (x - mean) / std on the raw values, one number or one for each of the last axis.',
          'auto',
        ),
      ),
      controls: Type.Array(Type.Enum(['random', 'scratch']), {
        maxItems: 2,
        ...about(
          'What the delivered model is held against, at its own widths: `random` channels, recovered and trained the same way; `scratch`, fresh weights that are trained as long. Each takes about as long as the job itself.',
          [],
        ),
      }),
      counting: Type.Enum(
        ['macs', 'mmrazor'],
        about('`macs` counts products of conv and dense layers; `mmrazor` counts as that estimator.', 'macs'),
      ),
      dry_run: Type.Boolean(
        about(
          'Stop after planning. Nothing is measured on samples: of `allocation: sensitivity` it tells the widths of `global`.',
          false,
        ),
      ),
      seed: Type.Integer({ minimum: 0, maximum: 4294967295, default: 0 }),
    },
    about(
      'How to prune and finetune. Everything has a default: half of the MACs, channels and widths by samples of the data set (or by what the model holds of its own), recovery, finetuning when there is a data set.',
    ),
  );

const schemas = new WeakMap<AlgorithmParameters, ReturnType<typeof configSchema>>();

/** The schema of configs whose algorithm has these fields of its own. */
export function schemaWith(parameters: AlgorithmParameters): ReturnType<typeof configSchema> {
  const known = schemas.get(parameters) ?? configSchema(parameters);
  schemas.set(parameters, known);
  return known;
}

/** The config as users send it, with the fields of every algorithm: {@link resolveConfig} turns it into a `PruneConfig`. */
export const PruneConfigInput = configSchema(Object.assign({}, ...algorithms.map(({ parameters }) => parameters)));

export type PruneConfigInput = Static<typeof PruneConfigInput>;
