import Type from 'typebox';
import { MOST_AXES, MOST_CHANNELS, MOST_LAYERS, MOST_NAMES, MOST_UNITS } from '../../checks/index.js';
import { ByName, Code, Name, Nullable, named, Sha256 } from './common.js';
import { Latency, Measures, Result, Warnings } from './jobs.js';
import { RelatedLayers, Unprunable } from './uploads.js';

const LayerMeasure = Type.Object({
  shape: Type.Array(Nullable(Type.Integer()), {
    maxItems: MOST_AXES,
    description: 'Of its output; null where only the run knows.',
  }),
  parameters: Type.Integer(),
  macs: Type.Integer(),
});

const Choices = ByName(Type.Number(), MOST_UNITS);

const Plan = Type.Object({
  baseline: Measures,
  predicted: Type.Object({
    macs: Type.Number(),
    parameters: Type.Number(),
    size: Type.Number({ description: 'Bytes of the files as they would be written.' }),
    latency: Nullable(
      Type.Number({ description: 'Milliseconds; null unless the target is a latency: only then something is timed.' }),
    ),
  }),
  latency: Nullable(Latency),
  reachable: Type.Boolean({ description: 'Whether any choice of widths meets the target.' }),
  nearest: Type.Optional(ByName(Type.Number(), 10, { description: 'Where it can not be reached: the best there is.' })),
  choices: { ...Choices, description: 'The widths that would be chosen.' },
  engine: Type.Object({ name: Code(), device: Code() }),
});

export const Report = named(
  'Report',
  Type.Object(
    {
      summary: Type.Union([Result, Plan], { description: 'The result; of a dry run, the plan.' }),
      schedule: Type.Array(
        Type.Object({
          step: Type.Integer(),
          iteration: Type.Integer(),
          epoch: Type.Integer(),
          requested: { ...Choices, description: 'What was asked of each unit.' },
          choices: { ...Choices, description: 'What it came to after rounding.' },
          macs: Type.Integer(),
          parameters: Type.Integer(),
          recovery: Type.Optional(
            Type.Object(
              {
                method: { ...Name(), description: 'The way that did best; `none`: the network as it was pruned.' },
                samples: Type.Integer(),
                divergences: ByName(Type.Number(), 10, {
                  description: "By method: how far outputs were from the original's, on samples held back.",
                }),
                without_bias: Type.Integer({
                  description:
                    'Layers that were set and have nowhere to put a mean that is off: no bias, none that the file could be given, no batch norm behind them.',
                }),
              },
              { description: 'How weights were set by samples; absent where they were not.' },
            ),
          ),
          accuracy_before_finetune: Nullable(Type.Number()),
          accuracy_after_finetune: Nullable(Type.Number()),
        }),
        { maxItems: 100_000, description: 'One entry for each time that channels were taken.' },
      ),
      units: Type.Array(
        Type.Object({
          name: Name(),
          num_channels: Type.Integer(),
          kept: Type.Integer(),
          ratio: Type.Number(),
          importance: Type.Object({
            criterion: Name(),
            values: Type.Array(Type.Number(), { maxItems: MOST_CHANNELS }),
          }),
          kept_indices: Type.Array(Type.Integer(), {
            maxItems: MOST_CHANNELS,
            description: "In the original model's coordinates.",
          }),
          output_related: RelatedLayers,
          input_related: RelatedLayers,
          renormalised: Type.Boolean(),
        }),
        { maxItems: MOST_UNITS },
      ),
      layers: Type.Array(
        Type.Object({ name: Name(), op: Name(), before: LayerMeasure, after: Nullable(LayerMeasure) }),
        { maxItems: MOST_LAYERS },
      ),
      unprunable: Type.Array(Unprunable, { maxItems: MOST_LAYERS }),
      warnings: Warnings,
      training: Type.Optional(
        Type.Object(
          {
            outputs: Type.Array(
              Type.Object({
                name: Name(),
                loss: Code(),
                labels: Name(),
                distilled: Type.Boolean(),
              }),
              { maxItems: MOST_NAMES },
            ),
            epochs: Type.Number({
              description: 'Times that the samples are gone through: a part of one where a budget ends within it.',
            }),
            epochs_trained: Type.Number({ description: 'The same of what was trained: less where it stopped early.' }),
            // Reports of older versions have none of `steps`, `optimizer`, `discarded`.
            steps: Type.Optional(Type.Integer({ description: 'Optimizer steps that were made.' })),
            optimizer: Type.Optional(
              Type.Object(
                { type: Code(), learning_rate: Type.Number() },
                { description: 'As named, or as the data settled it.' },
              ),
            ),
            budget: Type.Optional(
              Type.Number({
                description: 'Multiply-adds that the epochs follow from; absent where epochs were named.',
              }),
            ),
            best_epoch: Type.Optional(
              Type.Integer({
                description:
                  'With early stopping: whose weights these are. Counted as in metrics: of a budget an epoch may be several times through the samples, or a part of one.',
              }),
            ),
            discarded: Type.Optional(
              Type.Boolean({
                description: 'Training gained nothing on samples held back: the weights from before it are delivered.',
              }),
            ),
            batch_size: Type.Integer(),
            micro_batch_size: Type.Integer({ description: 'Smaller where a batch did not fit into the memory.' }),
            step_memory_bytes: Nullable(Type.Integer({ description: 'Predicted.' })),
          },
          { description: 'How it was trained.' },
        ),
      ),
      environment: Type.Object({
        version: Code(),
        engine: Code(),
        device: Code(),
        threads: Type.Integer(),
        inputs: ByName(Type.Array(Type.Integer(), { maxItems: MOST_AXES }), MOST_NAMES, {
          description: 'The extents of one sample, by input, which MACs were counted at.',
        }),
        seed: Type.Integer(),
        config_sha256: Sha256(),
        model_sha256: Sha256(),
      }),
    },
    { description: 'What was pruned, where and why.' },
  ),
);
