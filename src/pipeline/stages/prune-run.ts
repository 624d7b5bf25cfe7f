import type { ModelStage } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import { graphCost } from '../../graph/cost.js';
import type { Graph } from '../../graph/graph.js';
import { withoutUnusedSpares } from '../../graph/passes/spare-biases.js';
import type { Tensor } from '../../graph/tensor.js';
import type { PruneStep, Subnet, Trainer } from '../../pruning/index.js';
import type { ScheduleRow, TrainingSummary } from '../../report/unit-report.js';
import type { JobData } from '../feeding/job-data.js';
import type { SettledFinetune } from '../feeding/settle-finetune.js';
import { fingerprintOf } from '../fingerprint.js';
import type { HeadedScore, Score } from '../measuring/score.js';
import { warnOfRounding } from '../planning/rounded-choices.js';
import { deliveredPoint } from '../training/best-point.js';
import { type Checkpoint, findCheckpoint, findEpochEnd, saveCheckpoint } from '../training/checkpoint.js';
import { processBudget } from '../training/micro-batch.js';
import { deliverableWeights, SubnetTrainer } from '../training/subnet-trainer.js';
import {
  describeScore,
  reportScore,
  trainingSummary,
  warnOfDiscarded,
  warnOfFrozen,
} from '../training/training-report.js';
import type { Ranked } from './rank-channels.js';
import { recoverSubnet } from './recover.js';
import { type Importances, unitImportances } from './report-rows.js';
import type { Job } from './stage.js';

export type Pruned = Ranked & PruneRecord;

interface PruneRecord {
  /** One row a prune step. */
  readonly schedule: readonly ScheduleRow[];
  /** What the last choices were made by. */
  readonly importances: Importances;
  /** How it was trained; undefined where it was not, or not to its end. */
  readonly training?: TrainingSummary;
  /** The step after which nothing changed the weights, nor will writing them: the file is measured for both. */
  readonly delivers?: ModelStage;
  /** Where a cancel stopped it: the score of the point that it went back to, where that has one. */
  readonly canceled?: { readonly score: Score | undefined };
}

/**
 * Prunes and finetunes by turns, as the algorithm says; goes on from a checkpoint. Leaves the mutator with its last choices
 * and trained full weights. Canceled, it goes back to the end of the last epoch, the best point that there is (before that:
 * to where it was stopped).
 * @throws the signal's reason when it stopped before the first prune step
 */
export async function pruneAndFinetune(job: Job, measured: Ranked): Promise<Pruned> {
  const { checkpointDir } = job.spec;
  const fingerprint = fingerprintOf(job.spec);
  const checkpoint = await findCheckpoint(checkpointDir, fingerprint, (damage) => {
    const message = `${damage}: the job goes on from the checkpoint before it, or starts anew`;
    job.listener.warning({ code: 'CHECKPOINT_DAMAGED', message });
  });
  const record = await new PruneRun(job, measured, fingerprint, checkpoint).run();
  job.progress.end('finetuning');
  return { ...measured, ...record };
}

/** The prune-and-finetune loop of one job: runs the algorithm, scores each step, writes checkpoints. */
class PruneRun {
  /** Warnings of the job before this; a checkpoint has the others, of earlier attempts too. */
  private readonly warnedBefore: number;
  private record: PruneRecord = { schedule: [], importances: {} };

  /** @param checkpoint to go on from */
  constructor(
    private readonly job: Job,
    private readonly measured: Ranked,
    private readonly fingerprint: string,
    private readonly checkpoint: Checkpoint | undefined,
  ) {
    this.warnedBefore = job.warnings.length;
  }

  async run(): Promise<PruneRecord> {
    const { spec, signal, listener, stages } = this.job;
    const { data, algorithm } = this.measured;
    const { mutator } = algorithm;
    const finetune = data?.scored ? data.finetune : undefined;
    try {
      if (finetune && data) await this.withTraining(finetune, data);
      else await this.withoutTraining();
      return this.record;
    } catch (error) {
      if (!signal.aborted || error !== signal.reason || this.record.schedule.length === 0) throw error;
      const last = await findEpochEnd(spec.checkpointDir, this.fingerprint, (message) => listener.log(message));
      if (!last) return { ...this.record, canceled: { score: undefined } };
      this.restore(last);
      mutator.setWeights(deliverableWeights(mutator.weights, last));
      const score = deliveredPoint(last.stopping)?.score ?? last.score;
      if (data && score) stages.add(trainedStage(data), score);
      if (this.measured.judge === this.measured.scorer) return { ...this.record, canceled: { score } };
      // It was judged by other samples than results are of: the file is measured for both.
      return { ...this.record, canceled: { score: undefined }, ...(data && { delivers: trainedStage(data) }) };
    }
  }

  private async withoutTraining(): Promise<void> {
    const { progress, signal, stages } = this.job;
    const { algorithm, engine, data, model, scorer } = this.measured;
    progress.begin('pruning');
    const trainer: Trainer = {
      iterationsPerEpoch: 0,
      fullWeights: async () => algorithm.mutator.weights,
      prune: async (step) => {
        const subnet = algorithm.mutator.exportSubnet();
        this.addRow(step, subnet);
        stages.add('pruned');
        const weights = await this.recover(step);
        if (weights.size === 0) return;
        stages.measure('pruned', await scorer.score(subnet.graph, signal));
        algorithm.mutator.setWeights(weights);
        stages.add('recovered');
      },
      train: async () => {
        throw new Error(`${engine.name} was asked to train ${data ? 'without labels' : 'without data'}`);
      },
    };
    await algorithm.run(trainer, { epochs: 0, signal });
    const delivers = stages.rows.at(-1)!.stage;
    if (model.quantized) stages.measure(delivers, await scorer.score(algorithm.mutator.exportSubnet().graph, signal));
    else this.record = { ...this.record, delivers };
  }

  private async withTraining(finetune: SettledFinetune, data: JobData): Promise<void> {
    const { spec, listener, progress, signal, stages } = this.job;
    const { config, checkpointMs: everyMs } = spec;
    const { algorithm, engine, scorer, judge } = this.measured;
    /** What is judged by the samples that results are measured on is measured. */
    const measured = async (judged: HeadedScore) => (judge === scorer ? judged : trainer.evaluate(signal, scorer));
    const checkpoint = this.checkpoint;
    const { mutator } = algorithm;
    if (checkpoint) {
      this.restore(checkpoint);
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
        scorer: judge,
        finetune,
        seed: config.seed,
        listener,
        budget: processBudget(spec.memoryBytes),
        onProgress: (share) => {
          progress.begin('finetuning');
          progress.training(share);
        },
        onPruned: async (step) => {
          progress.begin('pruning');
          this.addRow(step, trainer.subnet);
          const raw = await trainer.evaluate(signal);
          stages.add('pruned', await measured(raw));
          const weights = await this.recover(step);
          trainer.takeWeights(weights);
          const score = weights.size === 0 ? raw : await trainer.evaluate(signal);
          if (weights.size > 0) stages.add('recovered', await measured(score));
          this.updateRow({ accuracy_before_finetune: score.accuracy });
          return config.recovery.method === 'none' ? undefined : score;
        },
        onEpochEnd: async (epoch, score) => {
          reportScore(listener, score, epoch);
          this.updateRow({ accuracy_after_finetune: score.accuracy });
          await this.save(trainer, epoch + 1);
        },
        pause: everyMs === undefined ? undefined : { everyMs, save: (epoch) => this.save(trainer, epoch) },
        onRejoin: () => this.restore(checkpoint!),
      },
      checkpoint,
    );
    try {
      const fault = await algorithm
        .run(trainer, { epochs: finetune.epochs, startEpoch: checkpoint?.epoch ?? 0, signal })
        .catch((error: unknown) => this.goBackFrom(error, trainer));
      const after = fault?.message ?? (trainer.lastScore && describeScore(trainer.lastScore)) ?? 'it was stopped';
      trainer.finish();
      warnOfDiscarded(listener, trainer, data.validation.count, after);
      const known = judge === scorer ? trainer.score : undefined;
      stages.add(trainedStage(data), known ?? (await scorer.evaluate(trainer.subnet.graph, signal)));
      this.record = { ...this.record, training: trainingSummary(finetune, data, trainer) };
    } finally {
      await trainer.release();
    }
  }

  /**
   * Training that nobody asked for, and that came to nothing, is no fault of a job that has a network without it; nor is a part of
   * an epoch better than what it started from. @throws all other errors
   */
  private goBackFrom(error: unknown, trainer: SubnetTrainer): EspalierError {
    const { aborted, reason } = this.job.signal;
    if (aborted && error === reason && trainer.goBack()) trainer.finish();
    const { heads, finetune } = this.measured.data!;
    const unasked = finetune!.distillation === undefined && heads.every(({ labels }) => labels === 'none');
    const diverged = error instanceof EspalierError && error.code === 'TRAINING_DIVERGED';
    if (!diverged || !unasked || !trainer.goBack()) throw error;
    return error;
  }

  /** The full weights that recovery sets. */
  private async recover({ step, pruneTimes }: PruneStep): Promise<ReadonlyMap<string, Tensor>> {
    const recovered = await recoverSubnet(this.job, this.measured, step === pruneTimes - 1);
    if (!recovered) return new Map();
    this.updateRow({ recovery: recovered.row, ...this.costOf(recovered.subnet) });
    return recovered.weights;
  }

  private restore({ masks, constants, schedule, importances, stages }: Checkpoint): void {
    const { mutator } = this.measured.algorithm;
    mutator.restoreState(masks);
    mutator.setWeights(constants);
    this.job.stages.restore(stages);
    this.record = { ...this.record, schedule, importances };
  }

  private addRow(pruned: PruneStep, subnet: Subnet): void {
    const { listener } = this.job;
    const { mutator } = this.measured.algorithm;
    const { step, pruneTimes, iteration, epoch, by, choices } = pruned;
    const cost = this.costOf(subnet.graph);
    const each = (field: 'choice' | 'current') =>
      Object.fromEntries(Object.entries(choices).map(([name, record]) => [name, record[field]]));
    const row = {
      step,
      iteration,
      epoch,
      requested: each('choice'),
      choices: each('current'),
      ...cost,
      accuracy_before_finetune: null,
      accuracy_after_finetune: null,
    };
    const importances = unitImportances(mutator);
    this.record = { ...this.record, schedule: [...this.record.schedule, row], importances };
    const when = by === 'epoch' ? `${epoch}th epoch` : `${iteration}th iter`;
    listener.log(`The model is pruned at ${when} once.`, { step, ...cost });
    if (step === pruneTimes - 1) warnOfRounding(mutator, choices, listener);
  }

  private costOf(subnet: Graph): Pick<ScheduleRow, 'macs' | 'parameters'> {
    const cost = graphCost(withoutUnusedSpares(subnet));
    return { macs: cost[this.job.spec.config.counting], parameters: cost.parameters };
  }

  private updateRow(scores: Partial<ScheduleRow>): void {
    const { schedule } = this.record;
    const last = schedule.map((row, i) => (i === schedule.length - 1 ? { ...row, ...scores } : row));
    this.record = { ...this.record, schedule: last };
  }

  private save(trainer: SubnetTrainer, epoch: number): Promise<void> {
    const { mutator } = this.measured.algorithm;
    const { schedule, importances } = this.record;
    return saveCheckpoint(this.job.spec.checkpointDir, {
      fingerprint: this.fingerprint,
      epoch,
      ...trainer.state,
      masks: mutator.state,
      schedule,
      importances,
      stages: this.job.stages.state,
      warnings: this.job.warnings.slice(this.warnedBefore),
      constants: mutator.weights,
    });
  }
}

/** What training made of the model: without labels, the original is all that it learned from. */
function trainedStage({ heads }: JobData): ModelStage {
  return heads.every(({ labels }) => labels === 'none') ? 'distilled' : 'finetuned';
}

function resumedAt({ epoch, within }: Checkpoint, { epochs }: SettledFinetune): string {
  if (!within) return `resumed after epoch ${epoch} of ${epochs}`;
  return `resumed after step ${within.iterations} of epoch ${epoch + 1} of ${epochs}`;
}
