import Type from 'typebox';
import { Nullable, named } from './common.js';
import { Latency, Measures, Result, Warning } from './jobs.js';
import { Unprunable } from './uploads.js';

const RelatedLayers = Type.Array(Type.Object({ name: Type.String(), start: Type.Integer(), end: Type.Integer() }));

const LayerMeasure = Type.Object({
  shape: Type.Array(Nullable(Type.Integer()), { description: 'Of its output; null where only the run knows.' }),
  parameters: Type.Integer(),
  macs: Type.Integer(),
});

const Choices = Type.Record(Type.String(), Type.Number());

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
  nearest: Type.Optional(
    Type.Record(Type.String(), Type.Number(), { description: 'Where it can not be reached: the best there is.' }),
  ),
  choices: { ...Choices, description: 'The widths that would be chosen.' },
  engine: Type.Object({ name: Type.String(), device: Type.String() }),
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
          accuracy_before_finetune: Nullable(Type.Number()),
          accuracy_after_finetune: Nullable(Type.Number()),
        }),
        { description: 'One entry for each time that channels were taken.' },
      ),
      units: Type.Array(
        Type.Object({
          name: Type.String(),
          num_channels: Type.Integer(),
          kept: Type.Integer(),
          ratio: Type.Number(),
          importance: Type.Object({ criterion: Type.String(), values: Type.Array(Type.Number()) }),
          kept_indices: Type.Array(Type.Integer(), { description: "In the original model's coordinates." }),
          output_related: RelatedLayers,
          input_related: RelatedLayers,
          renormalised: Type.Boolean(),
        }),
      ),
      layers: Type.Array(
        Type.Object({ name: Type.String(), op: Type.String(), before: LayerMeasure, after: Nullable(LayerMeasure) }),
      ),
      unprunable: Type.Array(Unprunable),
      warnings: Type.Array(Warning),
      training: Type.Optional(
        Type.Object(
          {
            outputs: Type.Array(
              Type.Object({
                name: Type.String(),
                loss: Type.String(),
                labels: Type.String(),
                distilled: Type.Boolean(),
              }),
            ),
            epochs: Type.Integer(),
            epochs_trained: Type.Number({ description: 'Fewer where it stopped early.' }),
            best_epoch: Type.Optional(Type.Integer({ description: 'With early stopping: whose weights these are.' })),
            batch_size: Type.Integer(),
            micro_batch_size: Type.Integer({ description: 'Smaller where a batch did not fit into the memory.' }),
            step_memory_bytes: Nullable(Type.Integer({ description: 'Predicted.' })),
          },
          { description: 'How it was trained.' },
        ),
      ),
      environment: Type.Object({
        version: Type.String(),
        engine: Type.String(),
        device: Type.String(),
        threads: Type.Integer(),
        inputs: Type.Record(Type.String(), Type.Array(Type.Integer()), {
          description: 'The extents of one sample, by input, which MACs were counted at.',
        }),
        seed: Type.Integer(),
        config_sha256: Type.String(),
        model_sha256: Type.String(),
      }),
    },
    { description: 'What was pruned, where and why.' },
  ),
);
