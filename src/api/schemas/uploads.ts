import Type from 'typebox';
import { FileBytes, Nullable, named, Timestamp } from './common.js';
import { Warning } from './jobs.js';

const TensorInfo = Type.Object({
  name: Type.String(),
  shape: Type.Array(Nullable(Type.Integer()), { description: 'null is the batch, or unknown.' }),
  dtype: Type.String(),
});

const id = (prefix: string) => Type.String({ description: `Sorts by time of upload.`, examples: [`${prefix}_01K0…`] });
const sha256 = Type.String({
  description: 'Of the file; of a folder, of its sorted lines "SHA256  NAME".',
});

export const Model = named(
  'Model',
  Type.Object(
    {
      id: id('mdl'),
      format: Type.String({ description: '`tfjs-layers`, `tfjs-graph`, `keras-h5`, `keras-v3` or `onnx`.' }),
      name: Type.String({ description: "The model's own name, else the file's." }),
      sha256,
      size_bytes: Type.Integer(),
      inputs: Type.Array(TensorInfo),
      outputs: Type.Array(TensorInfo),
      parameters: Type.Integer(),
      macs: Type.Integer({ description: 'Multiply-adds of one sample.' }),
      warnings: Type.Array(Warning),
      created_at: Timestamp('When it was uploaded.'),
    },
    {
      description: 'A stored model.',
      examples: [
        {
          id: 'mdl_01K0000000000000000000000',
          format: 'tfjs-layers',
          name: 'mnist',
          sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
          size_bytes: 181234,
          inputs: [{ name: 'image', shape: [null, 28, 28, 1], dtype: 'float32' }],
          outputs: [{ name: 'softmax', shape: [null, 10], dtype: 'float32' }],
          parameters: 44426,
          macs: 281640,
          warnings: [],
          created_at: '2026-01-01T00:00:00.000Z',
        },
      ],
    },
  ),
);

export const Dataset = named(
  'Dataset',
  Type.Object(
    {
      id: id('dst'),
      kind: Type.String({ description: '`npz` or `images`.' }),
      name: Type.String({ description: "The file's name." }),
      sha256,
      size_bytes: Type.Integer(),
      samples: Type.Object({ train: Type.Integer(), validation: Type.Integer() }),
      input_shape: Type.Array(Type.Integer(), { description: 'Of one sample.' }),
      dtype: Type.String(),
      label_kind: Type.String({ description: '`index`, `one_hot`, `values` (any other numbers) or `none`.' }),
      num_classes: Nullable(Type.Integer()),
      label_shape: Type.Optional(Nullable(Type.Array(Type.Integer(), { description: "Of one sample's labels." }))),
      label_outputs: Type.Optional(Type.Array(Type.String(), { description: 'Outputs that labels are named for.' })),
      warnings: Type.Array(Warning),
      created_at: Timestamp('When it was uploaded.'),
    },
    { description: 'A stored data set.' },
  ),
);

const Channels = Type.Array(Type.Object({ name: Type.String(), start: Type.Integer(), end: Type.Integer() }));

export const Unprunable = Type.Object({
  layer: Type.String(),
  channels: Type.Integer(),
  code: Type.String({ description: 'A code of docs/reasons.md.' }),
  reason: Type.String(),
});

export const Units = named(
  'Units',
  Type.Object(
    {
      type: Type.String(),
      channel_unit_cfg: Type.Object({
        type: Type.String(),
        default_args: Type.Record(Type.String(), Type.Any()),
        units: Type.Record(
          Type.String(),
          Type.Object({
            init_args: Type.Optional(Type.Record(Type.String(), Type.Any())),
            channels: Type.Optional(
              Type.Object(
                { output_related: Channels, input_related: Channels },
                { description: 'Layers that produce and layers that consume these channels.' },
              ),
            ),
            choice: Type.Number(),
            num_channels: Type.Integer(),
            is_mutable: Type.Boolean(),
          }),
        ),
      }),
      parse_cfg: Type.Object({ type: Type.String() }),
      unprunable: Type.Array(Unprunable),
    },
    {
      description:
        "The channel units of a model: the mutator's config template. It can be sent back as `mutator_cfg`, with `parse_cfg.type` `Config`.",
    },
  ),
);

/** Parts of a multipart upload, for the description; the API reads them as streams. */
export const FilesForm = Type.Object({
  file: Type.Array(FileBytes, {
    minItems: 1,
    description: 'One or more parts of this name.',
  }),
});
