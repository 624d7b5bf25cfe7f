import Type from 'typebox';
import { MOST_AXES, MOST_CLASSES, MOST_LAYERS, MOST_NAMES, MOST_UNITS } from '../../checks/index.js';
import { FORMATS } from '../../model-formats.js';
import { ByName, Code, FileBytes, Id, Name, Nullable, named, Settings, Sha256, Text, Timestamp } from './common.js';
import { Warnings } from './jobs.js';

const TensorInfo = Type.Object({
  name: Name(),
  shape: Type.Array(Nullable(Type.Integer()), { maxItems: MOST_AXES, description: 'null is the batch, or unknown.' }),
  dtype: Code(),
});

const Tensors = Type.Array(TensorInfo, { maxItems: MOST_NAMES });
const Shape = (description: string) => Type.Array(Type.Integer(), { maxItems: MOST_AXES, description });

const id = (prefix: string) => Id({ description: `Sorts by time of upload.`, examples: [`${prefix}_01K0…`] });
const sha256 = Sha256({
  description: 'Of the file; of a folder, of its sorted lines "SHA256  NAME".',
});

export const Model = named(
  'Model',
  Type.Object(
    {
      id: id('mdl'),
      format: Code({
        description: `What it was read as: ${Object.keys(FORMATS)
          .map((id) => `\`${id}\``)
          .join(' or ')}.`,
      }),
      name: Name({ description: "The model's own name, else the file's." }),
      sha256,
      size_bytes: Type.Integer(),
      inputs: Tensors,
      outputs: Tensors,
      parameters: Type.Integer(),
      macs: Type.Integer({ description: 'Multiply-adds of one sample.' }),
      warnings: Warnings,
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
      kind: Code({ description: '`npz` or `images`.' }),
      name: Name({ description: "The file's name." }),
      sha256,
      size_bytes: Type.Integer(),
      samples: Type.Object({
        train: Type.Integer(),
        validation: Type.Integer(),
        test: Type.Optional(
          Type.Integer({ description: 'Kept for the last figures, where training is judged by `validation`.' }),
        ),
      }),
      input_shape: Nullable(Shape('Of one sample; null where they differ, as images may.')),
      dtype: Code(),
      label_kind: Code({ description: '`index`, `one_hot`, `values` (any other numbers) or `none`.' }),
      num_classes: Nullable(Type.Integer()),
      label_shape: Type.Optional(Nullable(Shape("Of one sample's labels."))),
      label_outputs: Type.Optional(
        Type.Array(Name(), { maxItems: MOST_NAMES, description: 'Outputs that labels are named for.' }),
      ),
      classes: Type.Optional(
        Type.Array(Name(), {
          maxItems: MOST_CLASSES,
          description: 'Names of the folders of classes, in the order of the numbers that they have as labels.',
        }),
      ),
      warnings: Warnings,
      created_at: Timestamp('When it was uploaded.'),
    },
    { description: 'A stored data set.' },
  ),
);

export const RelatedLayers = Type.Array(Type.Object({ name: Name(), start: Type.Integer(), end: Type.Integer() }), {
  maxItems: MOST_LAYERS,
});

export const Unprunable = Type.Object({
  layer: Name(),
  channels: Type.Integer(),
  code: Code({ description: 'A code of docs/reasons.md.' }),
  reason: Text(),
});

export const Units = named(
  'Units',
  Type.Object(
    {
      type: Name(),
      channel_unit_cfg: Type.Object({
        type: Name(),
        criterion: Type.Optional(Name()),
        default_args: Settings(),
        units: ByName(
          Type.Object({
            init_args: Type.Optional(Settings()),
            channels: Type.Optional(
              Type.Object(
                { output_related: RelatedLayers, input_related: RelatedLayers },
                { description: 'Layers that produce and layers that consume these channels.' },
              ),
            ),
            choice: Type.Number(),
            num_channels: Type.Integer(),
            is_mutable: Type.Boolean(),
          }),
          MOST_UNITS,
        ),
      }),
      parse_cfg: Type.Object({ type: Name() }),
      unprunable: Type.Array(Unprunable, { maxItems: MOST_LAYERS }),
    },
    {
      description:
        "The channel units of a model: the mutator's config template. It can be sent back as `mutator_cfg`, with `parse_cfg.type` `Config`.",
    },
  ),
);

/** Parts of one request. */
export const MOST_FILES = 2000;

/** Parts of a multipart upload, for the description; the API reads them as streams. */
export const FilesForm = Type.Object({
  file: Type.Array(FileBytes, {
    minItems: 1,
    maxItems: MOST_FILES,
    description: 'One or more parts of this name.',
  }),
});
