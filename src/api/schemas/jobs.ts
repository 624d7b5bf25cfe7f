import Type from 'typebox';
import { LONGEST_DETAIL, LONGEST_NAME, MOST_NAMES, MOST_WARNINGS } from '../../checks/index.js';
import { CONTROLS, MODEL_STAGES, PHASES, RUN_AS } from '../../contract.js';
import { JOB_STATUSES } from '../../jobs/job.js';
import { PruneConfigInput } from '../../prune-config/index.js';
import { Code, closed, FileBytes, Id, Name, Nullable, named, Sha256, Text, Timestamp } from './common.js';

const Agreement = Nullable(
  Type.Number({
    description:
      'Share of the samples on which it chooses as the original does, the mean over outputs that choose (classes, sides); where none does, 1 less the relative error of its outputs, at least 0. null without data.',
  }),
);

export const Measures = Type.Object({
  accuracy: Nullable(
    Type.Number({
      description:
        'Share of the validation samples (pixels, sides) that are right, the mean over outputs; null without labels of classes.',
    }),
  ),
  loss: Nullable(Type.Number()),
  // Results of older versions have none.
  agreement: Type.Optional(Agreement),
  parameters: Type.Integer(),
  macs: Type.Integer({ description: 'Multiply-adds of one sample.' }),
  size_bytes: Type.Integer(),
  latency_ms: Nullable(Type.Number({ description: 'Of one sample, measured on the worker.' })),
  metrics: Type.Optional(
    Type.Array(
      Type.Object({
        output: Name(),
        metric: Code({
          description:
            '`accuracy`, `pixel_accuracy`, `binary_accuracy`, `agreement` (with the original model) or `mean_absolute_error`.',
        }),
        value: Type.Number(),
      }),
      { maxItems: MOST_NAMES, description: 'What each output was scored by.' },
    ),
  ),
});

export const Warnings = Type.Array(Type.Object({ code: Code(), message: Text() }), { maxItems: MOST_WARNINGS });

const pair = { minItems: 2, maxItems: 2 };
const Interval = Type.Array(Type.Number(), { ...pair, description: '95% interval of the median.' });

/** On samples that nothing was learned from. */
const Measured = {
  accuracy: Nullable(Type.Number({ description: 'As in `pruned`.' })),
  loss: Nullable(Type.Number()),
  agreement: Nullable(Type.Number({ description: 'As in `pruned`.' })),
  samples: Type.Integer({
    description: 'That the accuracy is of; where there is none, that the agreement is of. None was learned from.',
  }),
  interval: Nullable(
    Type.Array(Type.Number(), {
      ...pair,
      description:
        '95% interval (Wilson) of the accuracy; where there is none, of an agreement that is a share of samples.',
    }),
  ),
};

const Stages = Type.Array(
  Type.Object({
    stage: Type.Enum([...MODEL_STAGES], {
      description:
        '`original`: as it came. `pruned`: raw, after the last prune step. `recovered`: its weights solved anew. `distilled`: trained by the original alone. `finetuned`: trained by labels. `exported`: what is read from the delivered file.',
    }),
    ...Measured,
    seconds: Type.Number({
      description: 'Since the row before, measuring included; of the first, since the job began to run.',
    }),
  }),
  { maxItems: MODEL_STAGES.length, description: 'What each step gave, in order; the last is `pruned`.' },
);

export const Latency = Type.Object(
  {
    engine: Code({ description: 'What both models ran on: onnxruntime on the CPU, whatever trained.' }),
    threads: Type.Integer({ description: 'Threads of one operator.' }),
    runs: Type.Integer({ description: 'Timed runs of each model.' }),
    share: Type.Number({
      description:
        "The pruned model's time over the original's: the median over turns, so not quite the ratio of the two medians.",
    }),
    intervals: Type.Object({ baseline_ms: Interval, pruned_ms: Interval, share: Interval }),
  },
  { description: 'Two models timed against each other by turns, one sample at a time.' },
);

export const Result = Type.Object({
  // Results of older versions have neither of these.
  headline: Type.Optional(Text({ description: 'What was saved, and what that cost, in a sentence.' })),
  stages: Type.Optional(Stages),
  controls: Type.Optional(
    Type.Array(
      Type.Object({
        control: Type.Enum([...CONTROLS], {
          description:
            '`random`: channels chosen at random, recovered and trained the same way. `scratch`: fresh weights, trained as long.',
        }),
        ...Measured,
      }),
      { maxItems: CONTROLS.length, description: 'Networks of the same widths, where `controls` asked for them.' },
    ),
  ),
  baseline: Measures,
  pruned: Measures,
  equivalence: Nullable(
    Type.Object(
      {
        max_abs_diff: Type.Number(),
        relative: Type.Number(),
        samples: Type.Integer(),
        ok: Type.Boolean(),
        // Results of older versions have neither of these.
        limit: Type.Optional(
          Type.Number({
            description: 'What `relative` may be at most: 1e-4, or three times `engines.original` where that is more.',
          }),
        ),
        engines: Type.Optional(
          Type.Object({
            names: Type.Array(Code(), {
              minItems: 2,
              maxItems: 2,
              description: 'What computed the masked original, and what the delivered file.',
            }),
            original: Nullable(
              Type.Number({
                description:
                  "How far the original model's own outputs on two engines differ, relative as above; null where there were no two.",
              }),
            ),
            delivered: Type.Enum([...RUN_AS], {
              description:
                "`file`: onnxruntime ran the delivered file's own bytes. `graph`: what was read from them was run.",
            }),
            reason: Type.Optional(
              Text({ description: 'Why the file itself was not run, or why there was but one engine.' }),
            ),
          }),
        ),
        quantization_error: Type.Optional(
          Type.Number({
            description: 'Files of quantized weights only: how far rounding them moves the outputs, relative as above.',
          }),
        ),
      },
      {
        description:
          'The written file, read again and run, against the masked full network, on two engines where there are two.',
      },
    ),
  ),
  engine: Type.Object({ name: Code(), device: Code() }),
  latency: Type.Optional(Nullable(Latency)),
});

const phases = PHASES.map((phase) => `\`${phase}\``);

const Phase = Nullable(Code({ description: `${phases.slice(0, -1).join(', ')} or ${phases.at(-1)}.` }));

const Link = () => Type.String({ maxLength: 200 });

/** What a list tells of a job, too. */
const summary = {
  id: Id(),
  status: Type.Enum([...JOB_STATUSES]),
  phase: Phase,
  progress: Type.Number({ minimum: 0, maximum: 1 }),
  model: Id(),
  dataset: Nullable(Id()),
  created_at: Timestamp('When it was made.'),
  started_at: Nullable(Timestamp('When a worker first took it.')),
  finished_at: Nullable(Timestamp('When it ended.')),
  error: Nullable(
    Type.Object({
      code: Code(),
      message: Type.String({ maxLength: LONGEST_DETAIL }),
      phase: Phase,
      retryable: Type.Boolean(),
    }),
  ),
  links: Type.Object({ self: Link(), events: Link(), model: Link(), report: Link(), artifacts: Link() }),
};

export const JobSummary = named(
  'JobSummary',
  Type.Object(
    {
      ...summary,
      warnings: Type.Array(Type.Object({ code: Code() }), {
        maxItems: MOST_WARNINGS,
        description: 'Their texts stand in the job itself.',
      }),
    },
    { description: 'A job as lists have it: without its config, its result and the texts of its warnings.' },
  ),
);

export const Job = named(
  'Job',
  Type.Object(
    {
      ...summary,
      config: Type.Object(
        {},
        {
          additionalProperties: true,
          maxProperties: 100,
          propertyNames: { maxLength: LONGEST_NAME },
          description: 'With every default in place.',
        },
      ),
      warnings: Warnings,
      result: Nullable(Result),
    },
    {
      description: 'A pruning job.',
      examples: [
        {
          id: 'job_01K0000000000000000000000',
          status: 'running',
          phase: 'finetuning',
          progress: 0.42,
          model: 'mdl_01K0000000000000000000000',
          dataset: 'dst_01K0000000000000000000000',
          config: { target: { macs: 0.5 } },
          created_at: '2026-01-01T00:00:00.000Z',
          started_at: '2026-01-01T00:00:01.000Z',
          finished_at: null,
          warnings: [],
          error: null,
          result: null,
          links: {
            self: '/jobs/job_01K0000000000000000000000',
            events: '/jobs/job_01K0000000000000000000000/events',
            model: '/jobs/job_01K0000000000000000000000/model',
            report: '/jobs/job_01K0000000000000000000000/report',
            artifacts: '/jobs/job_01K0000000000000000000000/artifacts',
          },
        },
      ],
    },
  ),
);

export const Config = named('Config', PruneConfigInput);

/** Checked by hand, since a multipart request brings the same; `config` by resolveConfig, which knows its aliases. */
export const NewJobFields = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: LONGEST_NAME, description: 'Id of a model.' }),
    dataset: Type.Optional(Type.String({ minLength: 1, maxLength: LONGEST_NAME, description: 'Id of a data set.' })),
    config: Type.Optional(Type.Any()),
  },
  closed,
);

export const NewJob = Type.Object(
  {
    model: NewJobFields.properties.model,
    dataset: NewJobFields.properties.dataset,
    config: Type.Optional(Config.ref),
  },
  {
    ...closed,
    examples: [
      {
        model: 'mdl_01K0000000000000000000000',
        dataset: 'dst_01K0000000000000000000000',
        config: { target: { macs: 0.5 }, finetune: { epochs: 6 } },
      },
    ],
  },
);

export const NewJobForm = Type.Object({
  model: Type.Array(FileBytes, {
    maxItems: 2000,
    description: 'The files of the model, or one field with the id of a stored one.',
  }),
  dataset: Type.Optional({
    ...FileBytes,
    description: 'The file of the data set, or a field with the id of a stored one.',
  }),
  config: Type.Optional(Config.ref),
});

export const Artifact = named(
  'Artifact',
  Type.Object({
    name: Type.String({ maxLength: 255 }),
    content_type: Type.String({ maxLength: 255 }),
    size_bytes: Type.Integer(),
    sha256: Sha256(),
    // Each byte of a name may become three characters.
    url: Type.String({ maxLength: 1000 }),
  }),
);
