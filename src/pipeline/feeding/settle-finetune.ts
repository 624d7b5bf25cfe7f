import type { LossKind } from '../../autodiff/index.js';
import type { ImagePlanes } from '../../data/index.js';
import { EspalierError } from '../../errors.js';
import {
  type AugmentationConfig,
  DEFAULT_BUDGET,
  DEFAULT_EPOCHS,
  type Distillation,
  FEW_RATE,
  FEW_SAMPLES,
  FEWEST_STEPS,
  type FinetuneConfig,
  HANDFUL,
  MOST_EPOCHS,
  type OptimizerConfig,
  optimizerAfterSolving,
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
  /** Steps of an epoch: fewer than all samples make where a budget ends within one, more where few are gone through several times. */
  readonly iterationsPerEpoch: number;
}

/** `finetune` as a job trains by it: what the config leaves open is settled by the data. */
export interface SettledFinetune extends Omit<FinetuneConfig, 'epochs' | 'budget' | 'optimizer'>, TrainingLength {
  readonly optimizer: OptimizerConfig;
  /**
   * Whether batch norms keep the statistics that they have, and go by those: what few samples, mirrored and moved, have for statistics is not what
   * the model meets, and a ResNet-20 lost four points by that alone.
   */
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
  /** That prune steps need; 1 where there is one. */
  readonly leastEpochs: number;
}

/** @throws EspalierError CONFIG_INVALID where the warmup takes all epochs */
export function settleFinetune(finetune: FinetuneConfig, trained: TrainedSamples): SettledFinetune {
  const { epochs, budget, optimizer: resolved, ...rest } = finetune;
  // Jobs that an older version took have one without a rate where the data settle it.
  const optimizer = resolved?.learning_rate === undefined ? undefined : resolved;
  const length = settleLength(finetune, trained);
  const { warmup_epochs } = finetune.schedule;
  if (warmup_epochs > 0 && warmup_epochs >= length.epochs) {
    const message = `must be below the ${length.epochs} epochs that are trained, found ${warmup_epochs}`;
    const errors = [{ pointer: '/config/finetune/schedule/warmup_epochs', message }];
    throw new EspalierError('CONFIG_INVALID', `finetune.schedule.warmup_epochs ${message}`, { errors });
  }
  const keepsStatistics = optimizer === undefined && isFew(trained);
  return {
    ...rest,
    ...length,
    optimizer: optimizer ?? optimizerAfterSolving(keepsStatistics ? { type: 'adam', learning_rate: FEW_RATE } : {}),
    keepsStatistics,
    ...(epochs === undefined && { budget: budget ?? DEFAULT_BUDGET }),
  };
}

/**
 * Steps follow from numbers of the config, the model and the data, never from a clock: the same job gives the same bits.
 * @example settleLength({ batch_size: 50, budget: 3e9 }, { samples: 1000, macs: 1e6, labelled: false, leastEpochs: 1 }) // 1 epoch of 20
 */
export function settleLength(
  { epochs, batch_size, budget }: Pick<FinetuneConfig, 'epochs' | 'batch_size' | 'budget'>,
  { samples, macs, labelled, leastEpochs }: TrainedSamples,
): TrainingLength {
  const once = Math.ceil(samples / batch_size);
  if (epochs !== undefined) return { epochs, iterationsPerEpoch: once };
  const most = budget === undefined ? DEFAULT_EPOCHS[labelled ? 'labelled' : 'unlabelled'] : MOST_EPOCHS;
  const few = budget === undefined && isFew({ samples, labelled });
  const wanted = Math.max(few ? FEWEST_STEPS : 0, most * once);
  const affordable = ((budget ?? DEFAULT_BUDGET) * once) / (PASSES * Math.max(1, macs) * samples);
  const steps = Math.max(1, Math.floor(Math.min(wanted, affordable)));
  // The last prune step must come before the last epoch ends; with a single epoch, prune steps would be counted in iterations.
  const isPrunedWithin = leastEpochs > 1;
  if (few) {
    const epochs = Math.max(leastEpochs, Math.floor(steps / Math.ceil(steps / most)));
    return { epochs, iterationsPerEpoch: Math.max(isPrunedWithin ? once : 1, Math.floor(steps / epochs)) };
  }
  if (isPrunedWithin) {
    return { epochs: Math.max(leastEpochs, Math.floor(steps / once)), iterationsPerEpoch: once };
  }
  const begun = Math.ceil(steps / once);
  return { epochs: begun, iterationsPerEpoch: Math.floor(steps / begun) };
}

type Samples = Pick<TrainedSamples, 'samples' | 'labelled'>;

/**
 * Whether so few samples are learned from that they are gone through more often than others. A handful is not: 7 images cost a network at 0.9 of
 * its MACs two points.
 */
function isFew({ samples, labelled }: Samples): boolean {
  return !labelled && samples >= HANDFUL && samples <= FEW_SAMPLES;
}

/** Images of fewer pixels a side, or of one color, may be spectra or boards, or rows of vectors. */
const [LEAST_SIDE, COLORS] = [16, 3];

/**
 * What samples go through that the config says nothing of. Few pictures that are gone through often are mirrored and moved: the original has an
 * answer to whatever comes of it. It gains nothing where there are many.
 * @param planes of a sample; undefined of what is no image
 */
export function settleAugmentation(
  finetune: Pick<FinetuneConfig, 'augmentation'>,
  planes: ImagePlanes | undefined,
  trained: Samples,
): AugmentationConfig | undefined {
  if (finetune.augmentation || !planes || !isFew(trained)) return finetune.augmentation;
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
