import type { JobListener } from '../../contract.js';
import type { Engine } from '../../engine/engine.js';
import { graphCost } from '../../graph/cost.js';
import type { FinetuneConfig, PruneConfig } from '../../prune-config/index.js';
import type { BaseAlgorithm, PruneStep, Subnet, Trainer } from '../../pruning/index.js';
import type { ScheduleRow, TrainingSummary } from '../../report/unit-report.js';
import type { JobData } from '../feeding/job-data.js';
import { warnOfRounding } from '../planning/rounded-choices.js';
import type { Progress } from '../progress.js';
import { type Checkpoint, findEpochEnd, saveCheckpoint, type Warning } from '../training/checkpoint.js';
import type { MemoryBudget } from '../training/micro-batch.js';
import { deliverableWeights, SubnetTrainer } from '../training/subnet-trainer.js';
import { reportScore, trainingSummary, warnOfFrozen } from '../training/training-report.js';
import { type Importances, unitImportances } from './build-report.js';
import type { Evaluation } from './evaluation.js';

export interface PruneRunOptions {
  readonly algorithm: BaseAlgorithm;
  readonly engine: Engine;
  readonly data: JobData | undefined;
  readonly config: PruneConfig;
  readonly listener: JobListener;
  readonly progress: Progress;
  readonly checkpointDir: string;
  readonly fingerprint: string;
  /** To go on from. */
  readonly checkpoint: Checkpoint | undefined;
  /** After how long training within an epoch is written down; absent: at the ends of epochs alone. */
  readonly checkpointMs?: number | undefined;
  /** What training may hold. */
  readonly budget?: MemoryBudget | undefined;
}

/** The prune-and-finetune loop of one job: runs the algorithm, scores each step, writes checkpoints. */
export class PruneRun {
  readonly #options: PruneRunOptions;
  #schedule: ScheduleRow[] = [];
  #importances: Importances = {};
  #training: TrainingSummary | undefined;
  /** Told since the run began, in earlier attempts too. */
  #warnings: Warning[] = [];

  constructor(options: PruneRunOptions) {
    const { listener } = options;
    const warning = (told: Warning): void => {
      this.#warnings.push(told);
      listener.warning(told);
    };
    this.#options = { ...options, listener: { ...listener, warning } };
  }

  /** One row a prune step so far. */
  get schedule(): readonly ScheduleRow[] {
    return this.#schedule;
  }

  /** How it was trained; undefined where it was not, or not to its end. */
  get training(): TrainingSummary | undefined {
    return this.#training;
  }

  /** What the last choices were made by. */
  get importances(): Importances {
    return this.#importances;
  }

  /**
   * Leaves the mutator with its last choices and trained full weights. Canceled, it goes back to the end of the last
   * epoch, the best point that there is (before that: to where it was stopped).
   * @returns for a canceled run the score of that point, where there is one; undefined for a run that came to its end
   * @throws the signal's reason when it stopped before the first prune step
   */
  async run(signal: AbortSignal): Promise<{ score: Evaluation | undefined } | undefined> {
    const { config, data, checkpointDir, fingerprint } = this.#options;
    const finetune = data?.scored ? config.finetune : undefined;
    try {
      if (finetune && data) await this.#withTraining(finetune, data, signal);
      else await this.#withoutTraining(signal);
      return undefined;
    } catch (error) {
      if (!signal.aborted || error !== signal.reason || this.#schedule.length === 0) throw error;
      const last = await findEpochEnd(checkpointDir, fingerprint, (message) => this.#options.listener.log(message));
      if (!last) return { score: undefined };
      this.#restore(last);
      const { mutator } = this.#options.algorithm;
      mutator.setWeights(deliverableWeights(mutator.weights, last));
      return { score: last.stopping.best?.score ?? last.score };
    }
  }

  async #withoutTraining(signal: AbortSignal): Promise<void> {
    const { algorithm, progress, engine, data } = this.#options;
    progress.phase('pruning');
    const trainer: Trainer = {
      iterationsPerEpoch: 0,
      fullWeights: async () => algorithm.mutator.weights,
      prune: async (step) => this.#addRow(step, algorithm.mutator.exportSubnet()),
      train: async () => {
        throw new Error(`${engine.name} was asked to train ${data ? 'without labels' : 'without data'}`);
      },
    };
    await algorithm.run(trainer, { epochs: 0, signal });
  }

  async #withTraining(finetune: FinetuneConfig, data: JobData, signal: AbortSignal): Promise<void> {
    const { algorithm, engine, config, listener, progress, checkpoint, checkpointMs } = this.#options;
    const { mutator } = algorithm;
    if (checkpoint) {
      this.#restore(checkpoint);
      listener.log(resumedAt(checkpoint, finetune));
      progress.training(checkpoint.epoch / finetune.epochs);
      for (const warning of checkpoint.warnings) listener.warning(warning);
    } else {
      warnOfFrozen(mutator.exportSubnet().graph, listener);
    }
    const trainer: SubnetTrainer = new SubnetTrainer(
      {
        engine,
        mutator,
        data,
        finetune,
        seed: config.seed,
        listener,
        budget: this.#options.budget,
        onProgress: (share) => {
          progress.phase('finetuning');
          progress.training(share);
        },
        onPruned: async (step) => {
          progress.phase('pruning');
          this.#addRow(step, trainer.subnet);
          const { accuracy } = await trainer.evaluate(signal);
          this.#updateRow({ accuracy_before_finetune: accuracy });
        },
        onEpochEnd: async (epoch, score) => {
          reportScore(listener, score, epoch);
          this.#updateRow({ accuracy_after_finetune: score.accuracy });
          await this.#checkpoint(trainer, epoch + 1, score);
        },
        pause:
          checkpointMs === undefined
            ? undefined
            : { everyMs: checkpointMs, save: (epoch) => this.#checkpoint(trainer, epoch) },
        onRejoin: () => this.#restore(checkpoint!),
      },
      checkpoint,
    );
    try {
      await algorithm.run(trainer, { epochs: finetune.epochs, startEpoch: checkpoint?.epoch ?? 0, signal });
      trainer.finish();
      this.#training = trainingSummary(finetune, data, trainer);
    } finally {
      await trainer.release();
    }
  }

  #restore({ masks, constants, schedule, importances }: Checkpoint): void {
    const { mutator } = this.#options.algorithm;
    mutator.restoreState(masks);
    mutator.setWeights(constants);
    this.#schedule = [...schedule];
    this.#importances = importances;
  }

  #addRow(pruned: PruneStep, subnet: Subnet): void {
    const { algorithm, config, listener } = this.#options;
    const { step, pruneTimes, iteration, epoch, by, choices } = pruned;
    const cost = graphCost(subnet.graph);
    const macs = cost[config.counting];
    const each = (field: 'choice' | 'current') =>
      Object.fromEntries(Object.entries(choices).map(([name, record]) => [name, record[field]]));
    this.#importances = unitImportances(algorithm.mutator);
    this.#schedule.push({
      step,
      iteration,
      epoch,
      requested: each('choice'),
      choices: each('current'),
      macs,
      parameters: cost.parameters,
      accuracy_before_finetune: null,
      accuracy_after_finetune: null,
    });
    const when = by === 'epoch' ? `${epoch}th epoch` : `${iteration}th iter`;
    listener.log(`The model is pruned at ${when} once.`, { step, macs, parameters: cost.parameters });
    if (step === pruneTimes - 1) warnOfRounding(algorithm.mutator, choices, listener);
  }

  #updateRow(scores: Partial<ScheduleRow>): void {
    const last = this.#schedule.pop();
    if (last) this.#schedule.push({ ...last, ...scores });
  }

  #checkpoint(trainer: SubnetTrainer, epoch: number, score?: Evaluation): Promise<void> {
    const { algorithm, checkpointDir, fingerprint } = this.#options;
    const { mutator } = algorithm;
    return saveCheckpoint(checkpointDir, {
      fingerprint,
      epoch,
      ...trainer.state,
      masks: mutator.state,
      schedule: this.#schedule,
      importances: this.#importances,
      ...(score ? { score } : {}),
      warnings: this.#warnings,
      constants: mutator.weights,
    });
  }
}

function resumedAt({ epoch, within }: Checkpoint, { epochs }: FinetuneConfig): string {
  if (!within) return `resumed after epoch ${epoch} of ${epochs}`;
  return `resumed after step ${within.iterations} of epoch ${epoch + 1} of ${epochs}`;
}
