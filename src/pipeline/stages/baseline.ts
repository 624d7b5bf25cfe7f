import type { JobListener, ModelMeasures } from '../../contract.js';
import type { DatasetReading } from '../../data/index.js';
import type { Engine } from '../../engine/index.js';
import { graphCost } from '../../graph/cost.js';
import type { Graph } from '../../graph/graph.js';
import type { PruneConfig } from '../../prune-config/index.js';
import { type Judges, openOriginal, otherEngines, SAMPLES, sampleFeeds, settleJudges } from '../certificate/index.js';
import { type JobData, openJobData } from '../feeding/job-data.js';
import { evaluateSplit } from '../training/evaluation.js';
import { type Analyzed, logEngine } from './analyze.js';
import { readingOf } from './reading.js';
import { type Job, stage } from './stage.js';

type Measures = Omit<ModelMeasures, 'latency_ms'>;

export interface Measured extends Analyzed {
  /** Read with `engine`. */
  readonly data: JobData | undefined;
  readonly judges: Judges;
  /** How many samples the model's file takes at once, where it takes no other number. */
  readonly fixedBatch: number | undefined;
  readonly original: Measures;
}

/** Settles what the job computes and is judged with, and measures the model as it came. */
export const measureBaseline = stage('baseline', async (job, analyzed: Analyzed): Promise<Measured> => {
  const settled = { ...analyzed, ...(await settleEngines(job, analyzed)) };
  job.signal.throwIfAborted();
  return { ...settled, original: await measureModel(settled, job.spec.config, job.signal) };
});

/**
 * What the job computes and is judged with, by what engines make of the original. Data are read with an engine, so with
 * another one they are read again.
 */
async function settleEngines(job: Job, { model, files, graph, engine: training, stopwatch }: Analyzed) {
  const { listener, signal, spec } = job;
  const { config, outDir: folder, threads } = spec;
  const file = await openOriginal(model, files, { threads, folder });
  try {
    const reading = readingOf(spec, listener);
    const data = await openData(job, graph, training, listener, reading);
    const { fixedBatch } = file;
    const feeds = await sampleFeeds(graph, data, { samples: SAMPLES.settling, seed: config.seed, fixedBatch });
    const engines = { training, onnxruntime: stopwatch, others: otherEngines(threads) };
    const { engine, judges } = await settleJudges({ ...engines, graph, file, feeds, listener, signal });
    if (engine === training) return { engine, data, judges, fixedBatch };
    logEngine(job, engine);
    const silent = { ...listener, warning: () => {}, log: () => {} };
    return { engine, data: await openData(job, graph, engine, silent, reading), judges, fixedBatch };
  } finally {
    await file.release();
  }
}

async function openData(
  { spec: { dataset, config }, scope }: Job,
  graph: Graph,
  engine: Engine,
  listener: JobListener,
  reading: DatasetReading,
) {
  return dataset && scope.use(await openJobData(dataset, graph, config, engine, listener, reading));
}

/** What a model costs, and how well it does where there are data to score it by. */
export async function measureModel(
  { engine, graph, sizeBytes, data }: Pick<Measured, 'engine' | 'graph' | 'sizeBytes' | 'data'>,
  { counting }: PruneConfig,
  signal?: AbortSignal,
): Promise<Measures> {
  const cost = graphCost(graph);
  const scored = data?.scored && { engine, graph, heads: { heads: data.heads }, teacher: data.teacher };
  const score = scored
    ? await evaluateSplit(scored, data.validation, data.scaling, signal)
    : { accuracy: null, loss: null };
  return { ...score, parameters: cost.parameters, macs: cost[counting], size_bytes: sizeBytes };
}
