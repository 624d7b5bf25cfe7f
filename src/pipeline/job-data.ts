import type { ArchiveLimits } from '../archive/index.js';
import { findHeads } from '../autodiff/index.js';
import { fitToModel, openDataset, type Scaling, type Split, splitValidation } from '../data/index.js';
import type { Engine } from '../engine/engine.js';
import { EspalierError } from '../errors.js';
import { type Graph, getSpec } from '../graph/graph.js';
import type { PruneConfig } from '../prune-config/index.js';
import type { JobListener, JobSpec } from './contract.js';
import { evaluateScalings } from './evaluation.js';

/** A job's samples, fitted to the model. Without labels there is nothing to train on or to score by. */
export interface JobData {
  readonly train: Split;
  readonly validation: Split;
  readonly scaling: Scaling;
  readonly labelled: boolean;
  close(): Promise<void>;
}

/** Samples that are looked at to find out how integer data become inputs. */
const SCALING_SAMPLES = 512;

interface NamedScaling {
  readonly name: string;
  readonly scaling: Scaling;
}

const USUAL: NamedScaling = { name: 'x/255', scaling: '1/255' };
const RAW: NamedScaling = { name: 'x', scaling: 'none' };

/** Ways in which 8-bit data are fed to networks, most usual first. */
const SCALINGS: readonly NamedScaling[] = [USUAL, RAW, { name: 'x/127.5-1', scaling: { mean: [127.5], std: [127.5] } }];

/**
 * Opens a job's data set, fits it to the graph's one input and one output, holds out a validation part and settles how
 * values are scaled.
 * @throws EspalierError when data and model don't fit
 */
export async function openJobData(
  dataset: NonNullable<JobSpec['dataset']>,
  graph: Graph,
  config: PruneConfig,
  engine: Engine,
  listener: JobListener,
  limits?: ArchiveLimits,
): Promise<JobData> {
  if (graph.inputs.length !== 1) {
    throw new EspalierError('DATASET_SHAPE', `the model has ${graph.inputs.length} inputs, a data set feeds one`);
  }
  const opened = await openDataset(dataset.path, { name: dataset.name, ...(limits && { limits }) });
  try {
    const inputShape = getSpec(graph, graph.inputs[0]).shape.slice(1).map(Number);
    const labelled = opened.train.labels.kind !== 'none';
    const classes = labelled ? classesOf(graph) : undefined;
    const all = fitToModel(opened.train, inputShape, classes);
    const { train, validation } = opened.validation
      ? { train: all, validation: fitToModel(opened.validation, inputShape, classes) }
      : partition(all, config, listener);
    const data = { train, validation, labelled, close: () => opened.close() };
    const asked = config.scaling;
    warnOfSmallScaling(asked, train.dtype, listener);
    if (asked !== 'auto' || !labelled) return { ...data, scaling: asked };
    if (isInteger(train.dtype)) return { ...data, scaling: await findScaling(engine, graph, train, listener) };
    if (looksLikePixels(train)) await warnOfUnscaled(engine, graph, train, listener);
    return { ...data, scaling: 'auto' };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Shape of one sample of a data set. @throws EspalierError as {@link openDataset} */
export async function readSampleShape(
  { path, name }: NonNullable<JobSpec['dataset']>,
  limits?: ArchiveLimits,
): Promise<readonly number[]> {
  const opened = await openDataset(path, { name, ...(limits && { limits }) });
  await opened.close();
  return opened.train.inputShape;
}

function partition(all: Split, config: PruneConfig, listener: JobListener): { train: Split; validation: Split } {
  const share = config.finetune ? config.finetune.validation_split : 0;
  const { train, validation } = splitValidation(all, share, config.seed);
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
  listener.warning({
    code: 'EVALUATED_ON_ALL_DATA',
    message: 'nothing is trained, so accuracy is over all samples of the data set, which has no x_test',
  });
  return { train: all, validation: all };
}

/** @throws EspalierError NOT_TRAINABLE when the graph has several outputs, or one that is no classification */
function classesOf(graph: Graph): number {
  if (graph.outputs.length !== 1) {
    const names = graph.outputs.map((output) => output.name).join(', ');
    throw new EspalierError('NOT_TRAINABLE', `labels need one output; choose one with \`outputs\`: ${names}`, {
      errors: [{ pointer: '/config/outputs', message: `must name one of ${names}` }],
    });
  }
  return findHeads(graph, { loss: 'cross_entropy', labels: 'index' }, false).heads[0].width;
}

/** Means and deviations of 0…1 inputs (ImageNet's, say) make nothing of 8-bit values. */
function warnOfSmallScaling(scaling: Scaling, dtype: string, listener: JobListener): void {
  if (typeof scaling !== 'object' || !isInteger(dtype)) return;
  if ([...scaling.mean, ...scaling.std].some((v) => Math.abs(v) > 1)) return;
  listener.warning({
    code: 'SCALING_SUSPICIOUS',
    message: `scaling.mean and scaling.std are at most 1, and the data are ${dtype}: they apply to the raw values; for values divided by 255 first, give them times 255`,
  });
}

function isInteger(dtype: string): boolean {
  return /^u?int/.test(dtype);
}

/** Floats from 0 to more than a scaled pixel can be, but no more than a raw one. */
function looksLikePixels(train: Split): boolean {
  let largest = 0;
  for (let sample = 0; sample < Math.min(SCALING_SAMPLES, train.count); sample++) {
    for (const value of train.batch([sample], 'none').x.data) {
      if (value < 0 || value > 255) return false;
      if (value > largest) largest = value;
    }
  }
  return largest > 2;
}

async function warnOfUnscaled(engine: Engine, graph: Graph, train: Split, listener: JobListener): Promise<void> {
  const best = await bestScaling(engine, graph, train, RAW, listener);
  if (best === RAW) return;
  listener.warning({
    code: 'SCALING_UNLIKELY',
    message: `floats are fed as they are, up to 255; the unpruned model does better on ${best.name}: see the config field scaling`,
  });
}

async function findScaling(engine: Engine, graph: Graph, train: Split, listener: JobListener): Promise<Scaling> {
  const found = await bestScaling(engine, graph, train, USUAL, listener);
  if (found !== USUAL) {
    listener.warning({
      code: 'SCALING_FOUND',
      message: `the model does best on inputs scaled as ${found.name}, so they are; the config field scaling says otherwise`,
    });
  }
  return found.scaling;
}

/** The scaling under which the unpruned model has the lowest loss; `usual` wins unless another is clearly better. */
async function bestScaling(
  engine: Engine,
  graph: Graph,
  train: Split,
  usual: NamedScaling,
  listener: JobListener,
): Promise<NamedScaling> {
  const scalings = SCALINGS.map(({ scaling }) => scaling);
  const scores = await evaluateScalings(engine, graph, train, scalings, { limit: SCALING_SAMPLES });
  const lossOf = (named: NamedScaling): number => scores[SCALINGS.indexOf(named)].loss;
  const best = SCALINGS.reduce((a, b) => (lossOf(b) < 0.9 * lossOf(a) ? b : a), usual);
  listener.log(`scaling auto: the model does best on ${best.name}`, {
    losses: Object.fromEntries(SCALINGS.map((named) => [named.name, lossOf(named)])),
  });
  return best;
}
