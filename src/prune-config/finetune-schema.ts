/** The config's `finetune` on the wire. */
import Type from 'typebox';
import { LONGEST_NAME, MOST_NAMES } from '../checks/index.js';

const closed = { additionalProperties: false } as const;

const LOSSES = ['cross_entropy', 'binary_cross_entropy', 'mse', 'mae', 'huber'] as const;

const Loss = (fallback: string) =>
  Type.Enum(['auto', ...LOSSES], {
    description: `\`auto\` goes by the output and its labels, and the report says which it took. \`cross_entropy\` takes one class a sample, or one a pixel; \`binary_cross_entropy\` labels of 0 and 1, also several; the others numbers. Default ${fallback}.`,
  });

const share = (description: string) => Type.Number({ minimum: 0, exclusiveMaximum: 1, description });

const Optimizer = Type.Object(
  {
    type: Type.Optional(Type.Enum(['sgd', 'adam', 'adamw', 'rmsprop'], { description: 'Default `sgd`.' })),
    learning_rate: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1000, description: 'Default 0.01 for `sgd`, else 0.001.' }),
    ),
    momentum: Type.Optional(share('`sgd` (default 0.9) and `rmsprop` (default 0).')),
    beta1: Type.Optional(share('`adam` and `adamw`. Default 0.9.')),
    beta2: Type.Optional(share('`adam` and `adamw`. Default 0.999.')),
    rho: Type.Optional(share('`rmsprop` only: share of the old mean square. Default 0.9.')),
    epsilon: Type.Optional(Type.Number({ exclusiveMinimum: 0, description: 'All but `sgd`. Default 1e-7.' })),
    weight_decay: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1000,
        description: 'Of weights, not of biases and norms. Default 0.01 for `adamw`, else 0.',
      }),
    ),
  },
  closed,
);

const Schedule = Type.Object(
  {
    type: Type.Optional(
      Type.Enum(['constant', 'step', 'cosine'], {
        description:
          '`step` multiplies by `gamma` every `step_size` epochs; `cosine` goes down to 0 at the end. Default `cosine`.',
      }),
    ),
    step_size: Type.Optional(Type.Integer({ minimum: 1, description: '`step` only, needed there: epochs.' })),
    gamma: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: '`step` only. Default 0.1.' })),
    warmup_epochs: Type.Optional(
      Type.Number({
        minimum: 0,
        description: 'The learning rate rises from 0 over these first epochs, parts of one too. Default 0.',
      }),
    ),
  },
  { ...closed, description: 'Learning rate over the epochs. Default `{"type": "cosine"}`.' },
);

const Distillation = Type.Object(
  {
    weight: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: "Share of the original's outputs in the loss; the labels have the rest. Default 0.5.",
      }),
    ),
    temperature: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1000, description: 'Softens scores of classes. Default 2.' }),
    ),
  },
  {
    ...closed,
    description:
      "Learn from the original model's outputs too: divergence of scores of classes, squared difference of numbers. Outputs without labels, and data without any, are trained by it alone.",
  },
);

const Augmentation = Type.Object(
  {
    horizontal_flip: Type.Optional(Type.Boolean({ description: 'Mirrors every other image. Default false.' })),
    vertical_flip: Type.Optional(Type.Boolean({ description: 'Turns every other image upside down. Default false.' })),
    crop_padding: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 256,
        description: 'Pads by so many zero pixels on each side and crops anywhere in there. Default 0.',
      }),
    ),
    mixup: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 100,
        description: 'Mixes pairs of samples and labels, by shares of Beta(mixup, mixup). Default 0: none.',
      }),
    ),
  },
  { ...closed, description: 'Changes that training samples go through, drawn anew in every epoch. Default none.' },
);

const Head = Type.Object(
  {
    loss: Type.Optional(Loss("`finetune.loss`'s")),
    weight: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1e6,
        description: 'Of this output in the sum of losses. Default 1.',
      }),
    ),
  },
  closed,
);

export const FinetuneInput = Type.Object(
  {
    epochs: Type.Optional(Type.Integer({ minimum: 1, maximum: 10000, description: 'Default 6.' })),
    batch_size: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65536,
        description:
          'Samples of one step. A batch that does not fit into the memory goes through in parts whose gradients are added up. Default 64.',
      }),
    ),
    optimizer: Type.Optional(Optimizer),
    schedule: Type.Optional(Schedule),
    loss: Type.Optional(Loss('`auto`')),
    label_smoothing: Type.Optional(
      share('Share of each label that is spread over all classes, in cross-entropies. Default 0.'),
    ),
    huber_delta: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'Where `huber` turns from square to straight. Default 1.' }),
    ),
    heads: Type.Optional(
      Type.Record(Type.String(), Head, {
        maxProperties: MOST_NAMES,
        propertyNames: { maxLength: LONGEST_NAME },
        description:
          'By output name, where the model has several: their labels are the arrays `y_train_NAME` and `y_test_NAME`, or `y_NAME`.',
      }),
    ),
    validation_split: Type.Optional(
      share('Share of the training samples held out when the data set has no validation part. Default 0.1.'),
    ),
    shuffle: Type.Optional(Type.Boolean({ description: 'New order of the samples in every epoch. Default true.' })),
    distillation: Type.Optional(Distillation),
    augmentation: Type.Optional(Augmentation),
    clip_norm: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'Scales gradients down to this norm, over all. Default none.' }),
    ),
    ema_decay: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        description:
          'Validates and delivers a moving average of the weights: min(ema_decay, (1 + steps)/(10 + steps)) of it stays in a step. Default none.',
      }),
    ),
    early_stopping: Type.Optional(
      Type.Object(
        {
          patience: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 10000, description: 'Epochs without a lower loss. Default 3.' }),
          ),
        },
        {
          ...closed,
          description:
            'Ends training when the validation loss has not become lower, counted after the last prune step, and goes back to the weights of the lowest. Default none.',
        },
      ),
    ),
  },
  closed,
);

export type FinetuneInput = Type.Static<typeof FinetuneInput>;
