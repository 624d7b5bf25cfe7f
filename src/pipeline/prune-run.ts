import type { Engine } from '../engine/engine.js';
import { graphCost } from '../graph/cost.js';
import type { FinetuneConfig, PruneConfig } from '../prune-config/index.js';
import type { IteAlgorithm, PruneStep, Subnet, Trainer } from '../pruning/index.js';
import type { ScheduleRow } from '../report/unit-report.js';
import { type Checkpoint, saveCheckpoint } from './checkpoint.js';
import type { JobListener } from './contract.js';
import type { JobData } from './job-data.js';
import type { Progress } from './progress.js';
import { SubnetTrainer } from './subnet-trainer.js';

export interface PruneRunOptions {
  readonly algorithm: IteAlgorithm;
  readonly engine: Engine;
  readonly data: JobData | undefined;
  readonly config: PruneConfig;
  readonly listener: JobListener;
  readonly progress: Progress;
  readonly checkpointDir: string;
  readonly fingerprint: string;
  /** To go on from. */
  readonly checkpoint: Checkpoint | undefined;
}

/** The prune-and-finetune loop of one job: runs the algorithm, scores each step, writes a checkpoint after each epoch. */
export class PruneRun {
  readonly #options: PruneRunOptions;
  #schedule: ScheduleRow[];

  constructor(options: PruneRunOptions) {
    this.#options = options;
    this.#schedule = [...(options.checkpoint?.schedule ?? [])];
  }

  /** One row a prune step so far. */
  get schedule(): readonly ScheduleRow[] {
    return this.#schedule;
  }

  /**
   * Leaves the mutator with its last choices and trained full weights.
   * @returns true when the signal stopped it after at least one prune step, so that there is a result to keep
   * @throws the signal's reason when it stopped before that
   */
  async run(signal: AbortSignal): Promise<boolean> {
    const { config, data } = this.#options;
    const finetune = data?.labelled ? config.finetune : undefined;
    try {
      if (finetune && data) await this.#withTraining(finetune, data, signal);
      else await this.#withoutTraining(signal);
      return false;
    } catch (error) {
      if (signal.aborted && error === signal.reason && this.#schedule.length > 0) return true;
      throw error;
    }
  }

  async #withoutTraining(signal: AbortSignal): Promise<void> {
    const { algorithm, progress, engine, data } = this.#options;
    progress.phase('pruning');
    const trainer: Trainer = {
      iterationsPerEpoch: 0,
      fullWeights: async () => algorithm.mutator.weights,
      prune: async (step) => this.#addRow(step, algorithm.mutator.exportSubnet(), null),
      train: async () => {
        throw new Error(`${engine.name} was asked to train ${data ? 'without labels' : 'without data'}`);
      },
    };
    await algorithm.run(trainer, { epochs: 0, signal });
  }

  async #withTraining(finetune: FinetuneConfig, data: JobData, signal: AbortSignal): Promise<void> {
    const { algorithm, engine, config, listener, progress, checkpoint } = this.#options;
    const { mutator } = algorithm;
    if (checkpoint) {
      mutator.restoreState(checkpoint.masks);
      mutator.setWeights(checkpoint.constants);
      listener.log(`resumed after epoch ${checkpoint.epoch} of ${finetune.epochs}`);
      progress.training(checkpoint.epoch / finetune.epochs);
    }
    const trainer: SubnetTrainer = new SubnetTrainer(
      {
        engine,
        mutator,
        data,
        finetune,
        seed: config.seed,
        listener,
        onProgress: (share) => {
          progress.phase('finetuning');
          progress.training(share);
        },
        onPruned: async (step) => {
          progress.phase('pruning');
          const { accuracy } = await trainer.evaluate(signal);
          this.#addRow(step, trainer.subnet, accuracy);
        },
        onEpochEnd: async (epoch) => {
          const { accuracy, loss } = await trainer.evaluate(signal);
          listener.metric({ name: 'accuracy', value: accuracy, epoch });
          listener.metric({ name: 'loss', value: loss, epoch });
          const last = this.#schedule.pop();
          if (last) this.#schedule.push({ ...last, accuracy_after_finetune: accuracy });
          await this.#checkpoint(trainer, epoch + 1);
        },
      },
      checkpoint,
    );
    try {
      await algorithm.run(trainer, { epochs: finetune.epochs, startEpoch: checkpoint?.epoch ?? 0, signal });
    } finally {
      await trainer.release();
    }
  }

  #addRow({ step, iteration, epoch, choices }: PruneStep, subnet: Subnet, accuracy: number | null): void {
    const { config, listener } = this.#options;
    const cost = graphCost(subnet.graph);
    const macs = cost[config.counting];
    this.#schedule.push({
      step,
      iteration,
      epoch,
      choices: Object.fromEntries(Object.entries(choices).map(([name, { current }]) => [name, current])),
      macs,
      parameters: cost.parameters,
      accuracy_before_finetune: accuracy,
      accuracy_after_finetune: null,
    });
    listener.log(`The model is pruned at ${epoch}th epoch once.`, {
      step,
      macs,
      parameters: cost.parameters,
      accuracy,
    });
  }

  #checkpoint(trainer: SubnetTrainer, epoch: number): Promise<void> {
    const { algorithm, checkpointDir, fingerprint } = this.#options;
    const { mutator } = algorithm;
    const { steps, slots } = trainer.state;
    return saveCheckpoint(checkpointDir, {
      fingerprint,
      epoch,
      steps,
      masks: mutator.state,
      schedule: this.#schedule,
      constants: mutator.weights,
      slots,
    });
  }
}
