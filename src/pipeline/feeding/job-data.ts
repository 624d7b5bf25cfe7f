import { createTrainingStep } from '../../autodiff/index.js';
import type { JobListener, JobSpec } from '../../contract.js';
import {
  type Augmenter,
  createAugmenter,
  type Dataset,
  type DatasetReading,
  fitToModel,
  imageExtents,
  imagePlanes,
  openDataset,
  type Scaling,
  type Split,
  splitValidation,
} from '../../data/index.js';
import type { Engine } from '../../engine/engine.js';
import { EspalierError } from '../../errors.js';
import { graphCost } from '../../graph/cost.js';
import { type Graph, getSpec, hasBatchNorms } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import { elementCount } from '../../graph/tensor.js';
import { type FinetuneConfig, optimizerAfterSolving, type PruneConfig } from '../../prune-config/index.js';
import { openTeacher, type Teacher } from '../training/teacher.js';
import { trainingOptions } from '../training/training-options.js';
import { type ChosenHeads, chooseHeads, describeHeads } from './choose-heads.js';
import { settleScaling, warnOfSmallScaling } from './input-scaling.js';
import { keepKnowingTeachers } from './knowing-teacher.js';
import { noiseIn } from './neighbour-correlation.js';
import {
  type SettledFinetune,
  settleAugmentation,
  settleFinetune,
  settleTeaching,
  type TrainedSamples,
} from './settle-finetune.js';

/** That tell whether all are noise. */
const NOISE_SAMPLES = 32;

/** A job's samples, fitted to the model. */
export interface JobData {
  readonly train: Split;
  /** What training is judged by. */
  readonly validation: Split;
  /** What results are measured on: the same, unless the user keeps others for it. */
  readonly test: Split;
  readonly scaling: Scaling;
  /** Whether there is something to score by: labels, or the original model. */
  readonly scored: boolean;
  /** How it is trained; absent where it is not. */
  readonly finetune?: SettledFinetune | undefined;
  /** What is trained and scored. */
  readonly heads: ChosenHeads['heads'];
  /** The original model, where training or scoring needs it. */
  readonly teacher?: Teacher | undefined;
  /** What training batches go through. */
  readonly augment?: Augmenter | undefined;
  close(): Promise<void>;
}

/**
 * Opens a job's data set, fits it to the graph's one input and its outputs, holds out a validation part and settles how
 * values are scaled.
 * @throws EspalierError when data and model don't fit
 */
export async function openJobData(
  dataset: NonNullable<JobSpec['dataset']>,
  graph: Graph,
  config: PruneConfig,
  engine: Engine,
  listener: JobListener,
  { leastEpochs = 1, ...reading }: JobReading = {},
): Promise<JobData> {
  if (graph.inputs.length !== 1) {
    throw new EspalierError('DATASET_SHAPE', `the model has ${graph.inputs.length} inputs, a data set feeds one`);
  }
  const opened = await openDataset(dataset.path, { name: dataset.name, ...reading });
  try {
    return await fitData(opened, graph, config, engine, listener, leastEpochs);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function fitData(
  opened: Dataset,
  graph: Graph,
  config: PruneConfig,
  engine: Engine,
  listener: JobListener,
  leastEpochs: number,
): Promise<JobData> {
  const inputShape = getSpec(graph, graph.inputs[0]).shape.slice(1).map(Number);
  const layout = { channelsFirst: !readsChannelsLast(graph) };
  const isLeftOut =
    learnsUnasked(config, opened.train) &&
    (await isNoise(graph, fitToModel(opened.train, inputShape, [], layout), config, listener));
  const trained = isLeftOut ? { ...config, finetune: false as const } : config;
  const { chosen, finetune } = chooseOrWarn(graph, opened.train.labels, trained, listener);
  const labelled = chosen.targets.length > 0;
  warnOfClasses(opened.classes, chosen, graph, listener);
  const fitted = (split: Split): Split => fitToModel(split, inputShape, chosen.targets, layout);
  const all = fitted(opened.train);
  const { train, validation } = opened.validation
    ? { train: all, validation: fitted(opened.validation) }
    : partition(all, { ...config, finetune }, labelled, listener);
  const test = opened.test ? fitted(opened.test) : validation;
  const { macs } = graphCost(graph);
  const sized = { samples: train.count, macs, labelled, leastEpochs };
  const augment = finetune && augmenterOf(finetune, graph, inputShape, chosen.targets, sized);
  const settled = finetune && settleFinetune(finetune, sized);
  if (settled) listener.log(describeTraining(settled, hasBatchNorms(graph), augment !== undefined));
  const asked = config.scaling;
  warnOfSmallScaling(asked, train.dtype, listener);
  const labelledHeads = { heads: chosen.heads.filter(({ labels }) => labels !== 'none') };
  const scaling =
    asked === 'auto' && labelled
      ? await settleScaling({ engine, graph, heads: labelledHeads, train, listener })
      : asked;
  const named = finetune?.distillation !== undefined;
  const heads = named
    ? chosen.heads
    : await keepKnowingTeachers({ engine, graph, heads: chosen.heads, train, scaling, listener });
  const scored = heads.length > 0;
  if (scored) listener.log(`outputs: ${describeHeads({ heads })}`);
  const teacher = heads.some(({ distillation }) => distillation)
    ? await openTeacher(engine, graph, { heads })
    : undefined;
  const close = async () => {
    await teacher?.release();
    await opened.close();
  };
  return { train, validation, test, scaling, scored, finetune: settled, heads, teacher, augment, close };
}

/**
 * Shape of one sample of a data set. Images may have any: of most of them, in the color of the model's input.
 * @param inputShape of the model's input, with any extents where it leaves them open
 * @throws EspalierError as {@link openDataset}
 */
export async function readSampleShape(
  { path, name }: NonNullable<JobSpec['dataset']>,
  inputShape: readonly number[],
  reading: DatasetReading = {},
): Promise<readonly number[]> {
  const { train, close } = await openDataset(path, { name, ...reading });
  await close();
  if (!train.resized) return train.inputShape;
  return [...train.inputShape.slice(0, 2), imageExtents(inputShape, false).channels];
}

/** Folders are numbered by their names: with other classes than the model's, or fewer, the numbers mean others. */
function warnOfClasses(
  classes: readonly string[] | undefined,
  { targets }: ChosenHeads,
  graph: Graph,
  listener: JobListener,
): void {
  for (const { output } of classes ? targets : []) {
    const { value } = graph.outputs.find(({ name }) => name === output)!;
    const told = getSpec(graph, value).shape.slice(1).map(Number);
    const outputs = elementCount(told);
    // One side of two is told by one number.
    if (outputs === classes!.length || (outputs === 1 && classes!.length === 2)) continue;
    const names = classes!.length > 6 ? [...classes!.slice(0, 5), '…'] : classes!;
    const message = `the data set has ${classes!.length} folders of classes, numbered by name from 0 (${names.join(', ')}), and output ${output} has ${outputs} numbers: a folder that is missing shifts the numbers of those after it; an empty folder keeps its place`;
    listener.warning({ code: 'CLASSES_DIFFER', message });
  }
}

/** How a job reads its data. */
export interface JobReading extends DatasetReading {
  /** That prune steps need. Default 1: there is one step. */
  readonly leastEpochs?: number;
}

type Fitting = Pick<PruneConfig, 'finetune' | 'recovery' | 'seed'>;

function partition(
  all: Split,
  config: Fitting,
  labelled: boolean,
  listener: JobListener,
): { train: Split; validation: Split } {
  const { train, validation } = splitValidation(all, heldOutShare(all, config), config.seed);
  if (validation) return { train, validation };
  if (config.finetune) {
    throw new EspalierError(
      'CONFIG_INVALID',
      'without x_test and y_test, finetuning needs a validation_split above 0',
      {
        errors: [{ pointer: '/config/finetune/validation_split', message: 'must be above 0: the data have no x_test' }],
      },
    );
  }
  if (labelled) {
    listener.warning({
      code: 'EVALUATED_ON_ALL_DATA',
      message: 'nothing is trained, so accuracy is over all samples of the data set, which has no x_test',
    });
  }
  return { train: all, validation: all };
}

/** Few samples do more good where weights are set by them than where they tell what came of it. */
const [HELD_OUT_SHARE, LEAST_HELD_OUT] = [0.1, 16];

/** What weights are set by, by training or by recovery, is not what the model is scored on. */
function heldOutShare({ count }: Split, { finetune, recovery }: Fitting): number {
  if (finetune) return finetune.validation_split;
  if (recovery.method === 'none' || count < 2) return 0;
  const enough = Math.max(HELD_OUT_SHARE * count, Math.min(LEAST_HELD_OUT, count / 2));
  return Math.max(enough, count - recovery.samples) / count;
}

interface Chosen {
  readonly chosen: ChosenHeads;
  /** Absent where nothing is trained. */
  readonly finetune?: FinetuneConfig | undefined;
}

const NOTHING: ChosenHeads = { heads: [], targets: [] };

/** Whether the original is learned from, on samples that recovery may leave aside, and nobody asked for it. */
function learnsUnasked({ finetune, recovery }: PruneConfig, { labels }: Split): boolean {
  if (!finetune || labels.size > 0 || recovery.method !== 'auto') return false;
  return finetune.epochs === undefined && finetune.distillation === undefined;
}

/** What a network learns of noise costs it what it is for: a recovered ResNet-20 fell from 78 to 73 % by it. */
async function isNoise(graph: Graph, train: Split, { scaling }: PruneConfig, listener: JobListener): Promise<boolean> {
  const few = Uint32Array.from({ length: Math.min(NOISE_SAMPLES, train.count) }, (_, i) => i);
  const { x } = await train.batch(few, scaling);
  if (!noiseIn(graph, new Map([[graph.inputs[0], x]]))) return false;
  const message = 'nothing is trained: the samples are noise, of which the original has nothing to teach';
  listener.warning({ code: 'NOT_TRAINED', message });
  return true;
}

/** Nothing where there is nothing to score by, or nothing that nobody asked to be trained can be. */
function chooseOrWarn(graph: Graph, labels: Split['labels'], config: PruneConfig, listener: JobListener): Chosen {
  const { recovery } = config;
  const finetune = config.finetune || undefined;
  const hasLabels = labels.size > 0;
  if (!hasLabels && finetune?.distillation === false) {
    throw new EspalierError(
      'LABELS_INVALID',
      'without `finetune.distillation` finetuning needs labels, and the data set has none; `finetune: false` prunes without training',
    );
  }
  const teaching = finetune && settleTeaching(finetune, recovery, hasLabels);
  try {
    const chosen = chooseHeads(graph, labels, finetune, teaching);
    // Whatever the model is, its default job must run: see below.
    if (finetune && !hasLabels) requireTrainable(graph, finetune, chosen);
    return { chosen, finetune };
  } catch (error) {
    if (!(error instanceof EspalierError) || error.code !== 'NOT_TRAINABLE') throw error;
    if (finetune && !hasLabels && finetune.distillation === undefined) {
      const message = `nothing is trained, though there are samples to learn from the original by: ${error.message}`;
      listener.warning({ code: 'NOT_TRAINED', message });
      return { chosen: NOTHING };
    }
    if (finetune) throw error;
    listener.warning({
      code: 'NOT_SCORED',
      message: `labels are not used, accuracy and loss are null: ${error.message}`,
    });
    return { chosen: NOTHING };
  }
}

/** @throws EspalierError NOT_TRAINABLE */
function requireTrainable(graph: Graph, finetune: FinetuneConfig, { heads }: ChosenHeads): void {
  if (heads.length === 0) throw new EspalierError('NOT_TRAINABLE', 'the model has no output to train');
  const { optimizer = optimizerAfterSolving({}) } = finetune;
  createTrainingStep(graph, trainingOptions({ ...finetune, optimizer }, heads));
}

/** What the data settle is not in the config. */
function describeTraining(settled: SettledFinetune, normed: boolean, augmented: boolean): string {
  const { optimizer, epochs, iterationsPerEpoch, keepsStatistics } = settled;
  const norms = normed && keepsStatistics ? ', batch norms keep their statistics' : '';
  const samples = augmented ? ', samples are augmented' : '';
  return `training: ${optimizer.type} at ${optimizer.learning_rate}, ${epochs * iterationsPerEpoch} steps in ${epochs} epochs${norms}${samples}`;
}

function augmenterOf(
  finetune: FinetuneConfig,
  graph: Graph,
  inputShape: readonly number[],
  targets: ChosenHeads['targets'],
  trained: TrainedSamples,
): Augmenter | undefined {
  const planes = imagePlanes(inputShape, !readsChannelsLast(graph));
  const augmentation = settleAugmentation(finetune, planes, trained);
  if (!augmentation) return undefined;
  try {
    return createAugmenter(augmentation, planes, targets);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const errors = [{ pointer: '/config/finetune/augmentation', message }];
    throw new EspalierError('CONFIG_INVALID', `finetune.augmentation: ${message}`, { errors, cause });
  }
}

/** Readers of channels-last files put a transpose between the input and the first op that looks at neighbours. */
function readsChannelsLast(graph: Graph): boolean {
  const reached = new Set<string>(graph.inputs);
  for (const node of graph.nodes) {
    if (!reached.has(node.inputs[0])) continue;
    if (node.op === 'Transpose') return (node.attrs.perm as readonly number[] | undefined)?.at(-1) !== 1;
    if (findOp(node.op)?.batchFirst && getSpec(graph, node.inputs[0]).shape.length > 2) return false;
    for (const id of node.outputs) reached.add(id);
  }
  return true;
}
