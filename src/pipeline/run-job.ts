import { createHash } from 'node:crypto';
import { type ArchiveLimits, NO_LIMITS } from '../archive/index.js';
import type { JobListener, JobOutcome, JobResult, JobRunner, JobSpec, ModelMeasures } from '../contract.js';
import { type Engine, openEngine } from '../engine/index.js';
import { EspalierError } from '../errors.js';
import type { FileSet, LoadedModel } from '../formats/index.js';
import { graphCost } from '../graph/cost.js';
import { type Graph, getSpec } from '../graph/graph.js';
import { selectOutputs } from '../graph/passes/select-outputs.js';
import { type BaseAlgorithm, type ChannelMutator, createAlgorithm, layerGlobs, unreachable } from '../pruning/index.js';
import type { UnitReport } from '../report/unit-report.js';
import { VERSION } from '../version.js';
import { certify, openOriginal, otherEngines, SAMPLES, sampleFeeds, settleJudges } from './certificate/index.js';
import { type JobData, openJobData, readSampleShape } from './feeding/job-data.js';
import { latencyMeasurement } from './planning/latency.js';
import { type PlannedTarget, planTarget } from './planning/plan-target.js';
import { loadParts } from './plugins.js';
import { Progress } from './progress.js';
import { layerRows, unitRows } from './stages/build-report.js';
import { compareDelivered } from './stages/deliver-latency.js';
import { reportDryRun } from './stages/dry-run.js';
import { evaluateSplit } from './stages/evaluation.js';
import { exportModel, writeJsonArtifact } from './stages/export-model.js';
import { openModel, readModel } from './stages/load-model.js';
import { PruneRun } from './stages/prune-run.js';
import { findCheckpoint } from './training/checkpoint.js';
import type { MemoryBudget } from './training/micro-batch.js';

/** Load → analyze → baseline → prune and finetune → export → verify → evaluate. */
export const runJob: JobRunner = async (spec, listener, signal) => {
  const warnings: { code: string; message: string }[] = [];
  const job = new Job(spec, {
    ...listener,
    warning: (warning) => {
      warnings.push(warning);
      listener.warning(warning);
    },
  });
  try {
    return { ...(await job.run(signal, warnings)), warnings };
  } finally {
    await job.close();
  }
};

type Outcome = Omit<JobOutcome, 'warnings'>;

/** One run of one job: what its stages hand to each other, and what has to be closed. */
class Job {
  readonly #spec: JobSpec;
  readonly #listener: JobListener;
  readonly #progress: Progress;
  readonly #closing: (() => Promise<void>)[] = [];
  /** What the extents are that the model's file leaves open; undefined where it doesn't, or no data say so. */
  #sampleShape: readonly number[] | undefined;
  #inputs: UnitReport<JobResult>['environment']['inputs'] = {};

  constructor(spec: JobSpec, listener: JobListener) {
    const { config, dataset } = spec;
    this.#spec = spec;
    this.#listener = listener;
    this.#progress = new Progress(listener, dataset !== undefined && config.finetune !== false && !config.dry_run);
  }

  async run(signal: AbortSignal, warnings: UnitReport<JobResult>['warnings']): Promise<Outcome> {
    const { config, outDir, checkpointDir } = this.#spec;
    const progress = this.#progress;
    progress.phase('loading');
    const { model, files, sizeBytes } = await this.#openModel();
    signal.throwIfAborted();
    progress.reached('loaded');

    progress.phase('analyzing');
    const graph = config.outputs ? selectOutputs(model.graph, config.outputs) : model.graph;
    const training = await this.#openEngine();
    this.#warnOfIdleGlobs(graph);
    const algorithm = await this.#prepare(graph);
    const { mutator } = algorithm;
    const stopwatch = await this.#openStopwatch();
    const planned = await planTarget({ stopwatch, model, sizeBytes, graph, mutator, config, signal });
    algorithm.setTarget(planned.choices);
    this.#warnIfNothingGoes(mutator, planned);
    progress.reached('analyzed');
    if (config.dry_run) {
      const dryRun = { model, graph, sizeBytes, engine: training, mutator, planned, config, listener: this.#listener };
      const report = await reportDryRun(dryRun, { warnings, environment: this.#environment(training) });
      const artifact = await writeJsonArtifact(outDir, 'report.json', report);
      progress.done();
      return { status: 'succeeded', result: null, artifacts: [artifact] };
    }
    const missed = planned.plan && unreachable(planned.plan);
    if (missed) throw new EspalierError('TARGET_UNREACHABLE', missed);

    progress.phase('baseline');
    const { engine, data, judges, fixedBatch } = await this.#settleEngines(
      { model, files, graph },
      training,
      stopwatch,
      signal,
    );
    signal.throwIfAborted();
    const original = await this.#measure(engine, graph, sizeBytes, data, signal);
    progress.reached('baseline');

    const fingerprint = this.#fingerprint();
    const run = new PruneRun({
      algorithm,
      engine,
      data,
      config,
      listener: this.#listener,
      progress,
      checkpointDir,
      fingerprint,
      checkpoint: await findCheckpoint(checkpointDir, fingerprint, (message) => this.#warnOfDamage(message)),
      checkpointMs: this.#spec.checkpointMs,
      budget: this.#budget(),
    });
    const canceled = await run.run(signal);
    progress.reached('trained');

    progress.phase('exporting');
    const subnet = mutator.exportSubnet();
    const written = await exportModel(model, subnet.graph, outDir);

    progress.phase('verifying');
    const reread = await this.#open({ path: written.path, name: written.artifact.name }, NO_LIMITS);
    const delivery = {
      written: reread.model.graph,
      files: reread.files,
      ...(model.quantized ? { dequantized: await this.#dequantized(model, subnet.graph) } : {}),
    };
    const selection = mutator.selection();
    const masked = {
      graph: mutator.maskedGraph(),
      full: graph,
      kept: (value: string, axis: number) => selection.kept(value, axis),
    };
    const feeds = sampleFeeds(graph, data, { samples: SAMPLES.certifying, seed: config.seed, fixedBatch });
    const equivalence = await certify(delivery, masked, judges, feeds, this.#listener);
    progress.reached('verified');

    progress.phase('evaluating');
    // Whoever cancels is waiting: the score of the epoch's end stands, and nothing is timed.
    const delivered = await this.#measure(
      engine,
      reread.model.graph,
      written.sizeBytes,
      canceled?.score ? undefined : data,
    );
    const models = { original: graph, delivered: reread.model.graph };
    const latency = canceled
      ? undefined
      : await compareDelivered(stopwatch, models, config.target?.latency, this.#listener, signal);
    const result: JobResult = {
      baseline: { ...original, latency_ms: latency?.before.median ?? null },
      pruned: { ...delivered, ...canceled?.score, latency_ms: latency?.after.median ?? null },
      equivalence,
      engine: { name: engine.name, device: engine.device },
      latency: latency ? latencyMeasurement(latency) : null,
    };
    const report: UnitReport<JobResult> = {
      summary: result,
      schedule: run.schedule,
      units: unitRows(mutator, run.importances),
      layers: layerRows(model.graph, subnet.graph, config.counting),
      unprunable: mutator.unprunable,
      warnings,
      ...(run.training ? { training: run.training } : {}),
      environment: this.#environment(engine),
    };
    const reportArtifact = await writeJsonArtifact(outDir, 'report.json', report);
    progress.done();
    return { status: canceled ? 'canceled' : 'succeeded', result, artifacts: [written.artifact, reportArtifact] };
  }

  /** The model that would be delivered if weights weren't rounded again. */
  async #dequantized(model: LoadedModel, subnet: Graph): Promise<Graph> {
    const files = await model.write(subnet, { dequantized: true });
    return (await readModel(files, { sampleShape: this.#sampleShape })).graph;
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }

  /** A file that leaves extents of its input open is read with those of the data. */
  async #openModel() {
    const { model, dataset, archive: limits } = this.#spec;
    let opened = await this.#open(model, limits);
    if (opened.model.openAxes.size > 0 && dataset) {
      this.#sampleShape = await readSampleShape(dataset, limits);
      opened = await this.#open(model, limits);
    }
    const { graph, warnings } = opened.model;
    for (const warning of warnings) this.#listener.warning(warning);
    this.#inputs = Object.fromEntries(graph.inputs.map((id) => [id, getSpec(graph, id).shape.slice(1).map(Number)]));
    return opened;
  }

  async #open({ path, name }: { path: string; name: string }, limits?: ArchiveLimits) {
    const opened = await openModel(path, name, { limits, sampleShape: this.#sampleShape });
    this.#closing.push(opened.close);
    return opened;
  }

  /** A glob that protects nothing is most likely misspelt. */
  #warnOfIdleGlobs(graph: Graph): void {
    const layers = [...new Set(graph.nodes.map((node) => node.layer ?? node.name))];
    const idle = this.#spec.config.ignore.filter((glob) => !layers.some(layerGlobs([glob])));
    if (idle.length === 0) return;
    this.#listener.warning({ code: 'IGNORE_UNMATCHED', message: `no layer is named like ${idle.join(', ')}` });
  }

  #warnOfDamage(message: string): void {
    const what = `${message}: the job goes on from the checkpoint before it, or starts anew`;
    this.#listener.warning({ code: 'CHECKPOINT_DAMAGED', message: what });
  }

  async #prepare(graph: Graph): Promise<BaseAlgorithm> {
    const { config, plugins = [] } = this.#spec;
    const { type, mutator_cfg, step_freq, prune_times, linear_schedule } = config.algorithm;
    const { channel_unit_cfg } = mutator_cfg;
    // Choices in a template are the target (target_pruning_ratio holds them), not where the schedule starts.
    const units = Object.fromEntries(
      Object.entries(channel_unit_cfg.units).map(([name, { choice: _, ...unit }]) => [name, unit]),
    );
    const own = { ...mutator_cfg, channel_unit_cfg: { ...channel_unit_cfg, units }, ignore: config.ignore };
    const parts = await loadParts(plugins);
    return createAlgorithm(graph, { type, mutator_cfg: own, step_freq, prune_times, linear_schedule }, parts);
  }

  async #openEngine(): Promise<Engine> {
    const { engine: name, device, threads } = this.#spec;
    const engine = await openEngine({ engine: name, device, threads, notice: (line) => this.#listener.log(line) });
    this.#listener.log(`computing with ${engine.name} on ${engine.device}, threads: ${engine.threads}`);
    return engine;
  }

  /**
   * What latencies are taken on: onnxruntime on the CPU, which is what delivered models run on most, whatever trains here.
   */
  #openStopwatch(): Promise<Engine> {
    return openEngine({ engine: 'onnxruntime', device: 'cpu', threads: this.#spec.threads });
  }

  #warnIfNothingGoes({ mutableUnits }: ChannelMutator, { choices }: PlannedTarget): void {
    const goes = mutableUnits.some((unit) => {
      const choice = choices[unit.name];
      return (choice === undefined ? unit.activatedChannels : unit.countFor(choice)) < unit.numChannels;
    });
    if (!goes) this.#listener.warning({ code: 'NOTHING_PRUNED', message: 'every unit keeps all of its channels' });
  }

  /**
   * What the job computes and is judged with, by what engines make of the original. Data are read with an engine, so with
   * another one they are read again.
   */
  async #settleEngines(
    { model, files, graph }: { model: LoadedModel; files: FileSet; graph: Graph },
    training: Engine,
    onnxruntime: Engine,
    signal: AbortSignal,
  ) {
    const { config, outDir, threads } = this.#spec;
    const listener = this.#listener;
    const file = await openOriginal(model, files, { threads, folder: outDir });
    try {
      const data = await this.#openData(graph, training, listener);
      const { fixedBatch } = file;
      const feeds = sampleFeeds(graph, data, { samples: SAMPLES.settling, seed: config.seed, fixedBatch });
      const engines = { training, onnxruntime, others: otherEngines(threads) };
      const { engine, judges } = await settleJudges({ ...engines, graph, file, feeds, listener, signal });
      if (engine === training) return { engine, data, judges, fixedBatch };
      listener.log(`computing with ${engine.name} on ${engine.device}, threads: ${engine.threads}`);
      const silent = { ...listener, warning: () => {}, log: () => {} };
      return { engine, data: await this.#openData(graph, engine, silent), judges, fixedBatch };
    } finally {
      await file.release();
    }
  }

  async #openData(graph: Graph, engine: Engine, listener: JobListener): Promise<JobData | undefined> {
    const { dataset, config, archive } = this.#spec;
    if (!dataset) return undefined;
    const data = await openJobData(dataset, graph, config, engine, listener, archive);
    this.#closing.push(data.close);
    return data;
  }

  async #measure(
    engine: Engine,
    graph: Graph,
    sizeBytes: number,
    data: JobData | undefined,
    signal?: AbortSignal,
  ): Promise<Omit<ModelMeasures, 'latency_ms'>> {
    const cost = graphCost(graph);
    const score = data?.scored
      ? await evaluateSplit(
          { engine, graph, heads: { heads: data.heads }, teacher: data.teacher },
          data.validation,
          data.scaling,
          signal,
        )
      : { accuracy: null, loss: null };
    return {
      ...score,
      parameters: cost.parameters,
      macs: cost[this.#spec.config.counting],
      size_bytes: sizeBytes,
    };
  }

  #budget(): MemoryBudget | undefined {
    const { memoryBytes } = this.#spec;
    return memoryBytes === undefined
      ? undefined
      : { limitBytes: memoryBytes, usedBytes: () => process.memoryUsage.rss() };
  }

  #environment(engine: Engine): UnitReport<JobResult>['environment'] {
    const { config, model } = this.#spec;
    return {
      version: VERSION,
      engine: engine.name,
      device: engine.device,
      threads: engine.threads,
      inputs: this.#inputs,
      seed: config.seed,
      config_sha256: sha256(JSON.stringify(config)),
      model_sha256: model.sha256,
    };
  }

  /** A checkpoint is resumed only by a run that would do the same. */
  #fingerprint(): string {
    const { model, dataset, config } = this.#spec;
    return sha256(JSON.stringify([VERSION, model.sha256, dataset?.sha256, config]));
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
