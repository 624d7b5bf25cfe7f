/** The config's `finetune` on the wire. */
import Type, { type Static } from 'typebox';
import { about, aboutDependent, LONGEST_NAME, MOST_NAMES, OptionalFields } from '../checks/index.js';

export const MOST_EPOCHS = 10_000;

/** Some two minutes of training on two cores: two epochs of a network of 41 million MACs on 10,000 samples. */
export const DEFAULT_BUDGET = 2.5e12;

/** What the default budget is spent on at most. */
export const DEFAULT_EPOCHS = { labelled: 6, unlabelled: 10 } as const;

/** Fewer samples than this are learned by heart: what they say of units, and what is trained by them often, holds for no others. */
export const HANDFUL = 32;

/** Up to so many unlabelled samples, beside a handful, are few: an epoch goes through them several times. */
export const FEW_SAMPLES = 400;

/** Steps that few samples are enough for: a ResNet-20 went on gaining with 128 until then. */
export const FEWEST_STEPS = 240;

/** Of adam, by which few samples are learned from after least squares: sgd gained half as much by them. */
export const FEW_RATE = 3e-4;

const FEW = `from ${HANDFUL} to ${FEW_SAMPLES}`;

const LOSS =
  '`auto` goes by the output and its labels, and the report says which it took. `cross_entropy` takes one class a sample, or one a pixel; `binary_cross_entropy` labels of 0 and 1, also several; the others numbers.';

const Loss = (description: string, fallback?: 'auto') =>
  Type.Enum(['auto', 'cross_entropy', 'binary_cross_entropy', 'mse', 'mae', 'huber'], about(description, fallback));

/** In [0, 1). */
const share = (description: string, fallback?: number, say: typeof about = about) =>
  Type.Number({ minimum: 0, exclusiveMaximum: 1, ...say(description, fallback) });

const Optimizer = OptionalFields(
  {
    type: Type.Enum(
      ['sgd', 'adam', 'adamw', 'rmsprop'],
      aboutDependent(
        `\`adam\` at ${FEW_RATE} where no field of \`optimizer\` is named and few samples without labels (${FEW}) train what least squares recovered; batch norms keep their statistics then.`,
        'sgd',
      ),
    ),
    learning_rate: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1000,
      description: `Default 0.01 for \`sgd\`; after recovery by least squares, which larger steps destroy, 0.003. Else 0.001.`,
    }),
    momentum: share('`sgd` (default 0.9) and `rmsprop` (default 0).'),
    beta1: share('`adam` and `adamw`.', 0.9, aboutDependent),
    beta2: share('`adam` and `adamw`.', 0.999, aboutDependent),
    rho: share('`rmsprop` only: share of the old mean square.', 0.9, aboutDependent),
    epsilon: Type.Number({ exclusiveMinimum: 0, ...aboutDependent('All but `sgd`.', 1e-7) }),
    weight_decay: Type.Number({
      minimum: 0,
      maximum: 1000,
      description:
        'Of weights, not of biases and norms. Default 0.01 for `adamw`, 0.0005 for `sgd` after recovery by least squares, else 0.',
    }),
  },
  { default: {} },
);

const Schedule = OptionalFields(
  {
    type: Type.Enum(
      ['constant', 'step', 'cosine'],
      about('`step` multiplies by `gamma` every `step_size` epochs; `cosine` goes down to 0 at the end.', 'cosine'),
    ),
    step_size: Type.Integer({ minimum: 1, description: '`step` only, needed there: epochs.' }),
    gamma: Type.Number({ exclusiveMinimum: 0, maximum: 1, ...aboutDependent('`step` only.', 0.1) }),
    warmup_epochs: Type.Number({
      minimum: 0,
      ...about('The learning rate rises from 0 over these first epochs, parts of one too.', 0),
    }),
  },
  about('Learning rate over the epochs.', {}),
);

const OwnDistillation = OptionalFields({
  weight: Type.Number({
    exclusiveMinimum: 0,
    maximum: 1,
    ...about("Share of the original's outputs in the loss; the labels have the rest.", 0.5),
  }),
  temperature: Type.Number({ exclusiveMinimum: 0, maximum: 1000, ...about('Softens scores of classes.', 4) }),
});

const Distillation = Type.Union(
  [Type.Literal(false), OwnDistillation],
  about(
    "Learn from the original model's outputs too, or false: divergence of scores of classes, squared difference of numbers. Outputs without labels, and data without any, are trained by it alone. Default: on where the data have no labels; with labels, for the outputs that are classifications, where there is recovery.",
  ),
);

const Augmentation = OptionalFields(
  {
    horizontal_flip: Type.Boolean(about('Mirrors every other image.', false)),
    vertical_flip: Type.Boolean(about('Turns every other image upside down.', false)),
    crop_padding: Type.Integer({
      minimum: 0,
      maximum: 256,
      ...about('Pads by so many zero pixels on each side and crops anywhere in there.', 0),
    }),
    mixup: Type.Number({
      minimum: 0,
      maximum: 100,
      ...about('Mixes pairs of samples and labels, by shares of Beta(mixup, mixup); 0: none.', 0),
    }),
  },
  about(
    `Changes that training samples go through, drawn anew in every epoch. Default: pictures (three colors, 16 pixels a side or more) without labels, where they are few (${FEW}), are mirrored, and cropped by an eighth of their sides; else none.`,
  ),
);

const Head = OptionalFields({
  loss: Loss(`${LOSS} Default \`finetune.loss\`'s.`),
  weight: Type.Number({ exclusiveMinimum: 0, maximum: 1e6, ...about('Of this output in the sum of losses.', 1) }),
});

export const FinetuneInput = OptionalFields({
  epochs: Type.Integer({
    minimum: 1,
    maximum: MOST_EPOCHS,
    description: 'Default: as many as `budget` is enough for.',
  }),
  budget: Type.Number({
    exclusiveMinimum: 0,
    maximum: 1e21,
    description: `What training may cost where \`epochs\` is absent, in multiply-adds: three forward passes (one, and two backwards) of the unpruned model for each sample of each step; what is learned from, and samples that are held out, cost nothing. Where that is no whole number of epochs, each of them is shortened alike; several prune steps have the whole epochs that they need. Default ${DEFAULT_BUDGET}, and at most ${DEFAULT_EPOCHS.labelled} epochs with labels; without, ${DEFAULT_EPOCHS.unlabelled}, of ${FEWEST_STEPS} steps together, or more, where there are few samples (${FEW}), which are gone through several times in each then.`,
  }),
  batch_size: Type.Integer({
    minimum: 1,
    maximum: 65536,
    default: 32,
    description:
      'Samples of one step. A batch that does not fit into the memory goes through in parts whose gradients are added up.',
  }),
  optimizer: Optimizer,
  schedule: Schedule,
  loss: Loss(LOSS, 'auto'),
  label_smoothing: share('Share of each label that is spread over all classes, in cross-entropies.', 0),
  huber_delta: Type.Number({ exclusiveMinimum: 0, ...about('Where `huber` turns from square to straight.', 1) }),
  heads: Type.Record(Type.String(), Head, {
    maxProperties: MOST_NAMES,
    propertyNames: { maxLength: LONGEST_NAME },
    default: {},
    description:
      'By output name, where the model has several: their labels are the arrays `y_train_NAME` and `y_test_NAME`, or `y_NAME`.',
  }),
  validation_split: share('Share of the training samples held out when the data set has no validation part.', 0.1),
  shuffle: Type.Boolean(about('New order of the samples in every epoch.', true)),
  distillation: Distillation,
  augmentation: Augmentation,
  clip_norm: Type.Number({
    exclusiveMinimum: 0,
    description: 'Scales gradients down to this norm, over all. Default none.',
  }),
  ema_decay: Type.Number({
    exclusiveMinimum: 0,
    exclusiveMaximum: 1,
    description:
      'Validates and delivers a moving average of the weights: min(ema_decay, (1 + steps)/(10 + steps)) of it stays in a step. Default none.',
  }),
  early_stopping: OptionalFields(
    {
      patience: Type.Integer({ minimum: 1, maximum: 10000, ...about('Epochs without a lower loss.', 3) }),
    },
    about(
      'Ends training when the validation loss has not become lower, counted after the last prune step, and goes back to the weights of the lowest. Default none.',
    ),
  ),
});

export type FinetuneInput = Static<typeof FinetuneInput>;
