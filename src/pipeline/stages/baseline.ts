import type { JobListener, ModelMeasures } from '../../contract.js';
import type { Engine } from '../../engine/index.js';
import { graphCost } from '../../graph/cost.js';
import type { Graph } from '../../graph/graph.js';
import type { PruneConfig } from '../../prune-config/index.js';
import { type Judges, openOriginal, otherEngines, SAMPLES, sampleFeeds, settleJudges } from '../certificate/index.js';
import { type JobData, type JobReading, openJobData } from '../feeding/job-data.js';
import { type Score, UNMEASURED } from '../measuring/score.js';
import { openScorer, Scorer } from '../measuring/scorer.js';
import { sampleWarnings } from '../measuring/verdict.js';
import { type Analyzed, logEngine } from './analyze.js';
import { readingOf } from './reading.js';
import { type Job, stage } from './stage.js';

type Measures = Omit<ModelMeasures, 'latency_ms'>;

export interface Measured extends Analyzed {
  /** Read with `engine`. */
  readonly data: JobData | undefined;
  /** Measures what the model is made into. */
  readonly scorer: Scorer;
  /** Judges training: the same, unless the user keeps other samples for what is measured. */
  readonly judge: Scorer;
  readonly judges: Judges;
  /** How many samples the model's file takes at once, where it takes no other number. */
  readonly fixedBatch: number | undefined;
  readonly original: Measures;
}

/** Settles what the job computes and is judged with, and measures the model as it came. */
export const measureBaseline = stage('baseline', async (job, analyzed: Analyzed): Promise<Measured> => {
  const { listener, signal, stages } = job;
  const { config } = job.spec;
  const settled = { ...analyzed, ...(await settleEngines(job, analyzed)) };
  signal.throwIfAborted();
  const { engine, graph, data } = settled;
  const { scorer, score } = await openScorer(engine, graph, data, config, signal);
  const learns = data?.finetune || config.recovery.method !== 'none';
  const learned = data && learns ? { learned: data.train.count } : {};
  const measured = data?.test.count ?? 0;
  for (const found of sampleWarnings({ measured, ...learned })) listener.warning(found);
  stages.add('original', score);
  const judge = data && data.test !== data.validation ? new Scorer(engine, data, data.validation) : scorer;
  return { ...settled, scorer, judge, original: measuresOf({ ...settled, graph: settled.uploaded }, config, score) };
});

/**
 * What the job computes and is judged with, by what engines make of the original. Data are read with an engine, so with
 * another one they are read again.
 */
async function settleEngines(job: Job, analyzed: Analyzed) {
  const { model, files, graph, engine: training, stopwatch, leastEpochs } = analyzed;
  const { listener, signal, spec } = job;
  const { config, outDir: folder, threads } = spec;
  const file = await openOriginal(model, files, { threads, folder });
  try {
    const reading = { ...readingOf(spec, listener), leastEpochs };
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
  reading: JobReading,
) {
  return dataset && scope.use(await openJobData(dataset, graph, config, engine, listener, reading));
}

/** What a model costs, and how well it does. @param score absent: nobody measured it */
export function measuresOf(
  { graph, sizeBytes }: { readonly graph: Graph; readonly sizeBytes: number },
  { counting }: PruneConfig,
  { accuracy, loss, agreement, metrics }: Score = UNMEASURED,
): Measures {
  const cost = graphCost(graph);
  const scores = { accuracy, loss, agreement, ...(metrics ? { metrics } : {}) };
  return { ...scores, parameters: cost.parameters, macs: cost[counting], size_bytes: sizeBytes };
}
