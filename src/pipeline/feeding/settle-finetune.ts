import type { LossKind } from '../../autodiff/index.js';
import type { ImagePlanes } from '../../data/index.js';
import { EspalierError } from '../../errors.js';
import {
  type AugmentationConfig,
  DEFAULT_BUDGET,
  DEFAULT_EPOCHS,
  type Distillation,
  FEWEST_STEPS,
  type FinetuneConfig,
  HANDFUL,
  MOST_EPOCHS,
  type PruneConfig,
} from '../../prune-config/index.js';
import type { Teaching } from './choose-heads.js';

/** A forward pass, and the two backwards, for the gradients of the inputs and of the weights. */
const PASSES = 3;

/** Hinton, Vinyals & Dean 2015. */
const USUAL: Distillation = { weight: 0.5, temperature: 4 };

const CLASSIFICATIONS: ReadonlySet<LossKind> = new Set(['cross_entropy', 'binary_cross_entropy']);

/** How long is trained, by optimizer steps. */
export interface TrainingLength {
  readonly epochs: number;
  /** Steps of an epoch: fewer than all samples make where a budget ends within one. */
  readonly iterationsPerEpoch: number;
}

/** `finetune` as a job trains by it: what the config leaves open is settled by the data. */
export interface SettledFinetune extends Omit<FinetuneConfig, 'epochs' | 'budget' | 'optimizer'>, TrainingLength {
  readonly optimizer: FinetuneConfig['optimizer'] & { readonly learning_rate: number };
  /** Whether batch norms keep the statistics that they have, and go by those. */
  readonly keepsStatistics: boolean;
  /** What the length follows from; absent where epochs were named. */
  readonly budget?: number;
}

export interface TrainedSamples {
  /** Of the training part. */
  readonly samples: number;
  /** Of the unpruned model, for one sample. */
  readonly macs: number;
  readonly labelled: boolean;
  /** Whether the model has batch norms. */
  readonly normed: boolean;
  /** That prune steps need; 1 where there is one. */
  readonly leastEpochs: number;
}

/** @throws EspalierError CONFIG_INVALID where the warmup takes all epochs */
export function settleFinetune(finetune: FinetuneConfig, trained: TrainedSamples): SettledFinetune {
  const { epochs, budget, optimizer, ...rest } = finetune;
  const length = settleLength(finetune, trained);
  const { warmup_epochs } = finetune.schedule;
  if (warmup_epochs > 0 && warmup_epochs >= length.epochs) {
    const message = `must be below the ${length.epochs} epochs that finetune.budget is enough for, found ${warmup_epochs}`;
    const errors = [{ pointer: '/config/finetune/schedule/warmup_epochs', message }];
    throw new EspalierError('CONFIG_INVALID', `finetune.schedule.warmup_epochs ${message}`, { errors });
  }
  const keepsStatistics = optimizer.learning_rate === undefined && trained.normed && isFew(finetune, trained);
  const learning_rate = optimizer.learning_rate ?? (keepsStatistics ? RATES.kept : RATES.recovered);
  return {
    ...rest,
    ...length,
    optimizer: { ...optimizer, learning_rate },
    keepsStatistics,
    ...(epochs === undefined && { budget: budget ?? DEFAULT_BUDGET }),
  };
}

/**
 * Of sgd, on weights that least squares found. Statistics of few samples, mirrored and moved, are not those that the model meets: a ResNet-20 lost
 * four points by them alone. Where those that there are stay, gradients are steeper.
 */
const RATES = { recovered: 0.003, kept: 0.0003 } as const;

/**
 * Steps follow from numbers of the config, the model and the data, never from a clock: the same job gives the same bits.
 * @example settleLength({ batch_size: 50, budget: 3e9 }, { samples: 1000, macs: 1e6, labelled: false, leastEpochs: 1 }) // 1 epoch of 20
 */
export function settleLength(
  { epochs, batch_size, budget }: Pick<FinetuneConfig, 'epochs' | 'batch_size' | 'budget'>,
  { samples, macs, labelled, leastEpochs }: Omit<TrainedSamples, 'normed'>,
): TrainingLength {
  const whole = Math.ceil(samples / batch_size);
  if (epochs !== undefined) return { epochs, iterationsPerEpoch: whole };
  const most = budget === undefined ? defaultEpochs({ batch_size }, { samples, labelled }) : MOST_EPOCHS;
  const affordable = (budget ?? DEFAULT_BUDGET) / (PASSES * Math.max(1, macs) * samples);
  // The last step must come before the last epoch ends; with a single epoch, steps would be counted in iterations.
  if (leastEpochs > 1) {
    return { epochs: Math.max(leastEpochs, Math.min(most, Math.floor(affordable))), iterationsPerEpoch: whole };
  }
  const iterations = Math.max(1, Math.floor(Math.min(most, affordable) * whole));
  const begun = Math.ceil(iterations / whole);
  return { epochs: begun, iterationsPerEpoch: Math.floor(iterations / begun) };
}

type Batches = Pick<FinetuneConfig, 'batch_size'>;
type Samples = Pick<TrainedSamples, 'samples' | 'labelled'>;

/** Few samples are gone through more often; a handful is not: 7 images cost a network at 0.9 of its MACs two points. */
function defaultEpochs({ batch_size }: Batches, { samples, labelled }: Samples): number {
  if (labelled) return DEFAULT_EPOCHS.labelled;
  if (samples < HANDFUL) return DEFAULT_EPOCHS.unlabelled;
  return Math.max(DEFAULT_EPOCHS.unlabelled, Math.ceil(FEWEST_STEPS / Math.ceil(samples / batch_size)));
}

/** Whether so few samples are learned from that they are gone through more often than others. */
function isFew(batches: Batches, trained: Samples): boolean {
  return defaultEpochs(batches, trained) > DEFAULT_EPOCHS.unlabelled;
}

/** Images of fewer pixels a side, or of one color, may be spectra or boards, or rows of vectors. */
const [LEAST_SIDE, COLORS] = [16, 3];

/**
 * What samples go through that the config says nothing of. Few pictures that are gone through often are mirrored and moved: the original has an
 * answer to whatever comes of it. It gains nothing where there are many.
 * @param planes of a sample; undefined of what is no image
 */
export function settleAugmentation(
  finetune: Pick<FinetuneConfig, 'augmentation' | 'batch_size'>,
  planes: ImagePlanes | undefined,
  trained: Samples,
): AugmentationConfig | undefined {
  if (finetune.augmentation || !planes || !isFew(finetune, trained)) return finetune.augmentation;
  const { outer, height, width, inner } = planes;
  const side = Math.min(height, width);
  const isPicture = side >= LEAST_SIDE && outer * inner === COLORS;
  if (!isPicture) return undefined;
  return { horizontal_flip: true, vertical_flip: false, crop_padding: Math.round(side / 8), mixup: 0 };
}

/**
 * What outputs learn from the original. Where the config doesn't say, it is all that there is without labels; with them, it
 * holds on to what was recovered where classes are told apart.
 * @param hasLabels whether the data set has any
 */
export function settleTeaching(
  { distillation }: Pick<FinetuneConfig, 'distillation'>,
  { method }: PruneConfig['recovery'],
  hasLabels: boolean,
): Teaching {
  if (distillation === false) return {};
  if (distillation) return { alone: distillation, beside: () => distillation };
  if (!hasLabels) return { alone: USUAL };
  return method === 'none' ? {} : { beside: (loss) => (CLASSIFICATIONS.has(loss) ? USUAL : undefined) };
}
