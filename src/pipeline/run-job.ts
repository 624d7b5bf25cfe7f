import { createHash } from 'node:crypto';
import { NO_LIMITS } from '../archive/index.js';
import { type Engine, openEngine } from '../engine/index.js';
import { EspalierError } from '../errors.js';
import type { LoadedModel } from '../formats/index.js';
import { graphCost } from '../graph/cost.js';
import type { Graph } from '../graph/graph.js';
import { selectOutputs } from '../graph/passes/select-outputs.js';
import {
  type BaseAlgorithm,
  type ChannelMutator,
  createAlgorithm,
  layerGlobs,
  requireReachable,
} from '../pruning/index.js';
import type { UnitReport } from '../report/unit-report.js';
import { VERSION } from '../version.js';
import { layerRows, unitImportances, unitRows } from './build-report.js';
import { certify } from './certificate.js';
import { findCheckpoint } from './checkpoint.js';
import type { JobListener, JobOutcome, JobResult, JobRunner, JobSpec, ModelMeasures } from './contract.js';
import { evaluateSplit } from './evaluation.js';
import { exportModel, writeJsonArtifact } from './export-model.js';
import { type JobData, openJobData } from './job-data.js';
import { compareLatency, type LatencyComparison } from './latency.js';
import { openModel, readModel } from './load-model.js';
import { type PlannedTarget, planTarget } from './plan-target.js';
import { loadParts } from './plugins.js';
import { Progress } from './progress.js';
import { PruneRun } from './prune-run.js';

/** A delivered file that is slower than planned by more than this is said to be. */
const LATENCY_SLACK = 1.07;

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
    const { model, sizeBytes } = await this.#openModel();
    signal.throwIfAborted();
    progress.reached('loaded');

    progress.phase('analyzing');
    const graph = config.outputs ? selectOutputs(model.graph, config.outputs) : model.graph;
    const engine = await this.#openEngine();
    this.#warnOfIdleGlobs(graph);
    const algorithm = await this.#prepare(graph);
    const { mutator } = algorithm;
    const planned = await planTarget({ engine, model, sizeBytes, graph, mutator, config, signal });
    algorithm.setTarget(planned.choices);
    this.#warnIfNothingGoes(mutator, planned);
    progress.reached('analyzed');
    if (config.dry_run) return this.#dryRun(model, graph, sizeBytes, engine, algorithm, planned, warnings);
    if (planned.plan) requireReachable(planned.plan);

    progress.phase('baseline');
    const data = await this.#openData(graph, engine);
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
      checkpoint: await findCheckpoint(checkpointDir, fingerprint),
    });
    const canceled = await run.run(signal);
    progress.reached('trained');

    progress.phase('exporting');
    const subnet = mutator.exportSubnet();
    const written = await exportModel(model, subnet.graph, outDir);

    progress.phase('verifying');
    const reread = await openModel(written.path, written.artifact.name, NO_LIMITS);
    this.#closing.push(reread.close);
    const delivery = {
      written: reread.model.graph,
      ...(model.quantized
        ? { dequantized: (await readModel(await model.write(subnet.graph, { dequantized: true }))).graph }
        : {}),
    };
    const equivalence = await certify(engine, delivery, mutator.maskedGraph(), data, config.seed);
    progress.reached('verified');

    progress.phase('evaluating');
    // Whoever cancels is waiting: the score of the epoch's end stands, and nothing is timed.
    const delivered = await this.#measure(
      engine,
      reread.model.graph,
      written.sizeBytes,
      canceled?.score ? undefined : data,
    );
    const latency = canceled ? undefined : await this.#compareLatency(engine, graph, reread.model.graph, planned);
    const result: JobResult = {
      baseline: { ...original, latency_ms: latency?.before ?? null },
      pruned: { ...delivered, ...canceled?.score, latency_ms: latency?.after ?? null },
      equivalence,
      engine: { name: engine.name, device: engine.device },
    };
    const report: UnitReport<JobResult> = {
      summary: result,
      schedule: run.schedule,
      units: unitRows(mutator, run.importances),
      layers: layerRows(model.graph, subnet.graph, config.counting),
      unprunable: mutator.unprunable,
      warnings,
      environment: this.#environment(engine),
    };
    const reportArtifact = await writeJsonArtifact(outDir, 'report.json', report);
    progress.done();
    return { status: canceled ? 'canceled' : 'succeeded', result, artifacts: [written.artifact, reportArtifact] };
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }

  async #openModel() {
    const { path, name } = this.#spec.model;
    const opened = await openModel(path, name, this.#spec.archive);
    this.#closing.push(opened.close);
    for (const warning of opened.model.warnings) this.#listener.warning(warning);
    return opened;
  }

  /** A glob that protects nothing is most likely misspelt. */
  #warnOfIdleGlobs(graph: Graph): void {
    const layers = [...new Set(graph.nodes.map((node) => node.layer ?? node.name))];
    const idle = this.#spec.config.ignore.filter((glob) => !layers.some(layerGlobs([glob])));
    if (idle.length === 0) return;
    this.#listener.warning({ code: 'IGNORE_UNMATCHED', message: `no layer is named like ${idle.join(', ')}` });
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
    const { engine: name, threads } = this.#spec;
    const engine = await openEngine({ engine: name, threads, notice: (line) => this.#listener.log(line) });
    this.#listener.log(`computing with ${engine.name} on ${engine.device}, threads: ${engine.threads}`);
    return engine;
  }

  #warnIfNothingGoes({ mutableUnits }: ChannelMutator, { choices }: PlannedTarget): void {
    const goes = mutableUnits.some((unit) => {
      const choice = choices[unit.name];
      return (choice === undefined ? unit.activatedChannels : unit.countFor(choice)) < unit.numChannels;
    });
    if (!goes) this.#listener.warning({ code: 'NOTHING_PRUNED', message: 'every unit keeps all of its channels' });
  }

  async #openData(graph: Graph, engine: Engine): Promise<JobData | undefined> {
    const { dataset, config, archive } = this.#spec;
    if (!dataset) return undefined;
    const data = await openJobData(dataset, graph, config, engine, this.#listener, archive);
    this.#closing.push(data.close);
    if (!data.labelled && config.finetune) {
      throw new EspalierError(
        'LABELS_INVALID',
        'finetuning needs labels, and the data set has none; `finetune: false` prunes without',
      );
    }
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
    const score = data?.labelled
      ? await evaluateSplit(engine, graph, data.validation, data.scaling, signal)
      : { accuracy: null, loss: null };
    return {
      accuracy: score.accuracy,
      loss: score.loss,
      parameters: cost.parameters,
      macs: cost[this.#spec.config.counting],
      size_bytes: sizeBytes,
    };
  }

  /** Says so when the delivered file is no faster, or not as fast as was asked. */
  async #compareLatency(
    engine: Engine,
    original: Graph,
    delivered: Graph,
    { plan }: PlannedTarget,
  ): Promise<LatencyComparison> {
    const found = await compareLatency(engine, original, delivered);
    const ms = (value: number) => `${value.toPrecision(3)} ms`;
    if (found.share >= 1) {
      this.#listener.warning({
        code: 'NOT_FASTER',
        message: `one sample takes ${ms(found.after)}, the original takes ${ms(found.before)}: widths that are multiples of 8 often run faster (channel_unit_cfg.default_args.divisor)`,
      });
    }
    if (plan?.measure === 'latency' && found.share > LATENCY_SLACK * (plan.bound / plan.baseline.latency)) {
      this.#listener.warning({
        code: 'LATENCY_MISSED',
        message: `the delivered file takes ${found.share.toPrecision(3)} of the original's time, ${(plan.bound / plan.baseline.latency).toPrecision(3)} was asked for and measured when it was planned: the machine was busy, or is`,
      });
    }
    return found;
  }

  /** What a dry run delivers: the report of the plan, with the widths that would be chosen. */
  async #dryRun(
    model: LoadedModel,
    graph: Graph,
    sizeBytes: number,
    engine: Engine,
    { mutator }: BaseAlgorithm,
    { choices, predicted, plan }: PlannedTarget,
    warnings: UnitReport<JobResult>['warnings'],
  ): Promise<Outcome> {
    mutator.setChoices(choices);
    const { counting } = this.#spec.config;
    const cost = graphCost(graph);
    const unknown = { accuracy: null, loss: null, latency_ms: null };
    const report = {
      summary: {
        baseline: { ...unknown, parameters: cost.parameters, macs: cost[counting], size_bytes: sizeBytes },
        predicted,
        reachable: plan?.reachable ?? true,
        ...(plan && !plan.reachable ? { nearest: { [plan.measure]: plan.nearest } } : {}),
        choices,
      },
      schedule: [],
      units: unitRows(mutator, unitImportances(mutator)),
      layers: layerRows(model.graph, mutator.exportSubnet().graph, counting),
      unprunable: mutator.unprunable,
      warnings,
      environment: this.#environment(engine),
    };
    const artifact = await writeJsonArtifact(this.#spec.outDir, 'report.json', report);
    this.#progress.done();
    return { status: 'succeeded', result: null, artifacts: [artifact] };
  }

  #environment(engine: Engine): UnitReport<JobResult>['environment'] {
    const { config, model } = this.#spec;
    return {
      version: VERSION,
      engine: engine.name,
      device: engine.device,
      threads: engine.threads,
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
