import { withStatisticsFrozen } from '../../autodiff/index.js';
import type { JobListener } from '../../contract.js';
import { type Batch, type SeededRandom, seededRandom, shuffledOrder } from '../../data/index.js';
import type { Engine } from '../../engine/engine.js';
import { hasBatchNorms } from '../../graph/graph.js';
import { replaceConstants } from '../../graph/passes/replace-constants.js';
import type { Tensor } from '../../graph/tensor.js';
import type { ChannelMutator, PruneStep, Subnet, Trainer, TrainStretch } from '../../pruning/index.js';
import type { JobData } from '../feeding/job-data.js';
import type { SettledFinetune } from '../feeding/settle-finetune.js';
import type { HeadedScore } from '../measuring/score.js';
import type { Scorer } from '../measuring/scorer.js';
import { type BestPointState, BestPoints, deliveredPoint } from './best-point.js';
import { learningRateAt } from './learning-rate.js';
import type { BatchPlan, MemoryBudget } from './micro-batch.js';
import { type OptimizerSlots, zerosLike } from './step-runner.js';
import { trainingOptions } from './training-options.js';
import { diverged, openTrainingSession, type TrainingSession } from './training-session.js';

export interface SubnetTrainerOptions {
  readonly engine: Engine;
  readonly mutator: ChannelMutator;
  readonly data: JobData;
  /** What training is judged by. */
  readonly scorer: Scorer;
  readonly finetune: SettledFinetune;
  readonly seed: number;
  readonly listener: Pick<JobListener, 'metric' | 'warning' | 'log'>;
  readonly budget?: MemoryBudget | undefined;
  /** Called after each step with the share of all epochs that is done. */
  onProgress(fraction: number): void;
  /**
   * The subnet has been made anew. @returns the score of the weights that training starts from, where these may be delivered
   * should it gain nothing
   */
  onPruned(step: PruneStep): Promise<HeadedScore | undefined>;
  /** An epoch is over; the mutator's full weights are up to date. */
  onEpochEnd(epoch: number, score: HeadedScore): Promise<void>;
  /** Called in the middle of epochs, this long after the last time and the last epoch's end; all is up to date then. */
  readonly pause?: { readonly everyMs: number; readonly save: (epoch: number) => Promise<void> } | undefined;
  /** The algorithm has come to where a resumed epoch was left: the mutator is to be put back to how it was there. */
  onRejoin?(): void;
}

/** Where training stands, with tensors of the full model's shapes. */
export interface TrainerState {
  readonly steps: number;
  readonly slots: OptimizerSlots;
  /** Of the generator that augmentation draws from. */
  readonly generator: readonly number[];
  /** Since the last prune step. */
  readonly stopping: BestPointState;
  /** How batches go through; absent before the first step. */
  readonly plan?: BatchPlan;
  /** Only in the middle of an epoch. */
  readonly within?: EpochPart;
  /** On the validation part; only at the end of an epoch. */
  readonly score?: HeadedScore;
}

/** What has been done of an epoch. */
export interface EpochPart {
  readonly iterations: number;
  /** Sums over the samples so far. */
  readonly loss: number;
  readonly scores: readonly number[];
}

/**
 * Trains the subnet that the mutator's choices leave. The narrow weights are trained; after each stretch they are written
 * back into the mutator's full weights, so that a pruned channel keeps what it had and can come back.
 */
export class SubnetTrainer implements Trainer {
  readonly iterationsPerEpoch: number;
  readonly #options: SubnetTrainerOptions;
  readonly #random: SeededRandom;
  readonly #stopping: BestPoints;
  #subnet: Subnet;
  #session: TrainingSession | undefined;
  #plan: BatchPlan | undefined;
  #slots: OptimizerSlots;
  #steps: number;
  /** Of the epoch that is being trained; undefined between epochs. */
  #within: EpochPart | undefined;
  /** Of the weights as they are. */
  #score: HeadedScore | undefined;
  /** Resumed within an epoch, and the algorithm, which starts at the epoch's beginning, has not come there yet. */
  #behind: boolean;
  #pausedMs = performance.now();
  /** Of the samples, as they are gone through now. */
  #order: { readonly pass: number; readonly order: Uint32Array } | undefined;

  constructor(options: SubnetTrainerOptions, resumed?: TrainerState) {
    const { data, finetune, mutator, seed } = options;
    this.#options = options;
    this.iterationsPerEpoch = finetune.iterationsPerEpoch;
    this.#subnet = mutator.exportSubnet();
    this.#slots = resumed?.slots ?? new Map();
    this.#steps = resumed?.steps ?? 0;
    this.#random = seededRandom(resumed?.generator ?? seed);
    this.#stopping = new BestPoints(finetune.early_stopping?.patience, data.validation.count, resumed?.stopping);
    this.#plan = resumed?.plan;
    this.#within = resumed?.within;
    this.#score = resumed?.score;
    this.#behind = resumed?.within !== undefined;
  }

  get state(): TrainerState {
    return {
      steps: this.#steps,
      slots: this.#slots,
      generator: this.#random.state(),
      stopping: this.#stopping.state,
      ...(this.#plan ? { plan: this.#plan } : {}),
      ...(this.#within ? { within: this.#within } : {}),
      ...(this.#score ? { score: this.#score } : {}),
    };
  }

  /** The network as it is trained now, on the weights of the last write-back. */
  get subnet(): Subnet {
    return this.#subnet;
  }

  /** How batches go through, once training has begun. */
  get plan(): BatchPlan | undefined {
    return this.#plan;
  }

  async fullWeights(): Promise<ReadonlyMap<string, Tensor>> {
    return this.#options.mutator.weights;
  }

  async prune(step: PruneStep): Promise<void> {
    // It was taken before the checkpoint, by weights that are gone: see #startOf.
    if (this.#behind) return;
    await this.release();
    this.#score = undefined;
    this.#subnet = this.#options.mutator.exportSubnet();
    this.#stopping.restart(step.step === step.pruneTimes - 1);
    const score = await this.#options.onPruned(step);
    const constants = evaluatedWeights(this.#options.mutator.weights, this.#slots);
    if (score) this.#stopping.start({ epoch: null, score, constants });
  }

  /** Goes on with other full weights; averages start at them. */
  takeWeights(weights: ReadonlyMap<string, Tensor>): void {
    if (weights.size === 0) return;
    const { mutator } = this.#options;
    mutator.setWeights(weights);
    const averages = this.#slots.get('average');
    if (averages) {
      const own = [...averages].map(([id, tensor]) => [id, weights.get(id) ?? tensor] as const);
      this.#slots = new Map([...this.#slots, ['average', new Map(own)]]);
    }
    this.#subnet = mutator.exportSubnet();
  }

  /** @throws the signal's reason, between steps; what was trained until then is kept; EspalierError TRAINING_DIVERGED */
  async train(stretch: TrainStretch, signal: AbortSignal | undefined): Promise<void> {
    if (this.#stopping.stopped) return;
    const from = this.#startOf(stretch);
    const { epoch, to, endsEpoch } = stretch;
    if (from >= to) return;
    const { finetune, onProgress, onEpochEnd, pause, listener } = this.#options;
    const session = await this.#openSession();
    for (let at = from; at < to; ) {
      try {
        at = await this.#runStretch(session, epoch, at, to, signal);
      } finally {
        this.#writeBack(session);
      }
      session.requireFinite();
      if (at === to) break;
      await pause?.save(epoch);
      this.#pausedMs = performance.now();
    }
    if (!endsEpoch) return;
    this.#reportEpoch(session, epoch);
    const score = await this.evaluate(signal);
    const weights = evaluatedWeights(this.#options.mutator.weights, this.#slots);
    this.#stopping.note({ epoch, score, constants: weights });
    this.#score = score;
    await onEpochEnd(epoch, score);
    this.#pausedMs = performance.now();
    if (!this.#stopping.stopped) return;
    const best = this.#stopping.best!;
    const lowest = best.epoch === null ? 'before training' : `after ${best.epoch + 1}`;
    listener.log(`stopped after epoch ${epoch + 1} of ${finetune.epochs}: the loss was lowest ${lowest}`);
    onProgress(1);
  }

  /** Scores the subnet, by default as training is judged. @throws EspalierError TRAINING_DIVERGED */
  async evaluate(signal?: AbortSignal, scorer = this.#options.scorer): Promise<HeadedScore> {
    const averages = this.#subnet.sliceTensors(this.#slots.get('average') ?? new Map());
    const graph = replaceConstants(this.#subnet.graph, averages);
    const score = await scorer.evaluate(graph, signal);
    if (this.#steps > 0 && !Number.isFinite(score.loss)) throw diverged(`the validation loss became ${score.loss}`);
    return score;
  }

  /** Of the weights to deliver; undefined where training ended within an epoch. */
  get score(): HeadedScore | undefined {
    return this.#stopping.best?.score ?? this.#score;
  }

  /** At the end of the last epoch. */
  get lastScore(): HeadedScore | undefined {
    return this.#score;
  }

  /** Training came to nothing: {@link finish} takes an earlier point. @returns whether there is one */
  goBack(): boolean {
    return this.#stopping.goBack();
  }

  /** Leaves the mutator with the weights to deliver: the best epoch's, their averages, or the last ones. */
  finish(): void {
    const { mutator } = this.#options;
    mutator.setWeights(deliverableWeights(mutator.weights, this.state));
    this.#subnet = mutator.exportSubnet();
  }

  async release(): Promise<void> {
    await this.#session?.release();
    this.#session = undefined;
  }

  /**
   * Where training goes on in a stretch. A job that was resumed within an epoch goes through what the algorithm does from the
   * epoch's beginning without doing it, since any algorithm can start there; then all is put back to how it was.
   */
  #startOf({ from, to }: TrainStretch): number {
    if (!this.#behind) return from;
    const { iterations } = this.#within!;
    if (iterations >= to) return to;
    this.#behind = false;
    this.#options.onRejoin?.();
    this.#subnet = this.#options.mutator.exportSubnet();
    return iterations;
  }

  /**
   * While a step runs, the next batch is made ready: engines that compute on threads of their own don't wait for it. Before a
   * pause it isn't, as it would take numbers from the generator. @returns the iteration that comes next
   */
  async #runStretch(
    session: TrainingSession,
    epoch: number,
    from: number,
    to: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { data, finetune, onProgress } = this.#options;
    const prepare = (iteration: number): Promise<Batch> => this.#prepare(epoch, iteration);
    const perEpoch = this.iterationsPerEpoch;
    let ahead: Promise<Batch> | undefined = prepare(from);
    let iteration = from;
    this.#score = undefined;
    for (; ahead; iteration++) {
      signal?.throwIfAborted();
      const batch: Batch = await ahead;
      const taught = await data.teacher?.outputs(batch.x);
      const number = this.#steps++;
      const learningRate = learningRateAt(finetune, epoch + iteration / perEpoch, 1 / perEpoch);
      const averaging = Math.min(finetune.ema_decay ?? 0, (1 + number) / (10 + number));
      const running = session.step({ ...batch, taught }, { number, learningRate, averaging });
      const pauses = iteration + 1 === to || this.#isPauseDue();
      ahead = pauses ? undefined : prepare(iteration + 1);
      // Should both fail, the step's fault is told.
      ahead?.catch(() => {});
      const { loss, scores } = await running;
      const before = iteration === 0 ? undefined : this.#within;
      this.#within = {
        iterations: iteration + 1,
        loss: (before?.loss ?? 0) + loss * batch.x.shape[0],
        scores: scores.map((score, i) => (before?.scores[i] ?? 0) + score),
      };
      onProgress((epoch + (iteration + 1) / perEpoch) / finetune.epochs);
    }
    return iteration;
  }

  /** The clock says when training pauses; what comes out is the same whenever that is. */
  #isPauseDue(): boolean {
    const { pause } = this.#options;
    return pause !== undefined && performance.now() - this.#pausedMs >= pause.everyMs;
  }

  /** That go through all samples once. */
  get #iterationsOfPass(): number {
    const { data, finetune } = this.#options;
    return Math.ceil(data.train.count / finetune.batch_size);
  }

  /** Samples are gone through in a new order each time; an epoch may go through them several times. */
  async #prepare(epoch: number, iteration: number): Promise<Batch> {
    const { data, finetune, seed } = this.#options;
    const { batch_size: size, shuffle } = finetune;
    const { count } = data.train;
    const once = this.#iterationsOfPass;
    const pass = epoch * Math.ceil(this.iterationsPerEpoch / once) + Math.floor(iteration / once);
    if (this.#order?.pass !== pass) {
      const order = shuffle ? shuffledOrder(count, seed, pass) : Uint32Array.from(Array(count).keys());
      this.#order = { pass, order };
    }
    const { order } = this.#order;
    const from = (iteration % once) * size;
    const batch = await data.train.batch(order.subarray(from, from + size), data.scaling);
    return data.augment ? data.augment(batch, this.#random) : batch;
  }

  #reportEpoch(session: TrainingSession, epoch: number): void {
    const { iterations, loss, scores } = this.#within!;
    const { data, finetune } = this.#options;
    const once = this.#iterationsOfPass;
    const samples = Math.floor(iterations / once) * data.train.count + (iterations % once) * finetune.batch_size;
    this.#within = undefined;
    const report = (name: string, value: number): void =>
      this.#options.listener.metric({ name, value, epoch, step: this.#steps });
    report('train_loss', loss / samples);
    session.heads.forEach(({ output, metric }, i) => {
      const name = session.heads.length === 1 ? `train_${metric}` : `train_${metric}/${output}`;
      report(name, scores[i] / samples);
    });
  }

  async #openSession(): Promise<TrainingSession> {
    if (this.#session) return this.#session;
    const { engine, finetune, seed, budget, listener } = this.#options;
    const slots = new Map([...this.#slots].map(([slot, full]) => [slot, this.#subnet.sliceTensors(full)]));
    // What is left of the memory is asked once a job: by then, a process that was resumed holds something else.
    const options = { seed, batchSize: finetune.batch_size, budget, microBatch: this.#plan?.microBatch };
    const training = trainingOptions(finetune, this.#options.data.heads);
    const graph = finetune.keepsStatistics ? withStatisticsFrozen(this.#subnet.graph) : this.#subnet.graph;
    this.#session = await openTrainingSession(engine, graph, training, options, slots);
    const { plan } = this.#session;
    listener.log(`a step of ${plan.batchSize} samples takes ${mebibytes(plan.wholeBytes)}, as predicted`);
    if (!this.#plan) this.#warnOfParts(plan);
    this.#plan = plan;
    return this.#session;
  }

  #warnOfParts({ batchSize, microBatch, wholeBytes, bytes, availableBytes }: BatchPlan): void {
    if (microBatch === batchSize || availableBytes === null) return;
    const same =
      hasBatchNorms(this.#subnet.graph) && !this.#options.finetune.keepsStatistics
        ? 'batch norms take their statistics from each part, so results differ a little from those of whole batches'
        : 'the gradients are those of whole batches';
    const left = mebibytes(availableBytes);
    const still = bytes > availableBytes ? `; even so it may not fit into the ${left} that are left` : '';
    this.#options.listener.warning({
      code: 'MICRO_BATCHES',
      message: `batches of ${batchSize} would take ${mebibytes(wholeBytes)} of the ${left} that are left: they go through in parts of ${microBatch}, and gradients are added up; ${same}${still}`,
    });
  }

  #writeBack(session: TrainingSession): void {
    const { mutator } = this.#options;
    const { constants, slots } = session.state();
    const before = mutator.weights;
    mutator.setWeights(this.#subnet.writeBack(before, constants));
    this.#slots = new Map(
      [...slots].map(([slot, sliced]) => {
        // Averages of channels that are gone stand where the weights stand.
        const start = (id: string): Tensor => (slot === 'average' ? before.get(id)! : zerosLike(before.get(id)!));
        const full = this.#slots.get(slot) ?? new Map([...sliced.keys()].map((id) => [id, start(id)]));
        return [slot, this.#subnet.writeBack(full, sliced)];
      }),
    );
    this.#subnet = mutator.exportSubnet();
  }
}

/** What is scored: the averages, where there are some. The mutator's own map changes as it takes weights. */
function evaluatedWeights(weights: ReadonlyMap<string, Tensor>, slots: OptimizerSlots): ReadonlyMap<string, Tensor> {
  const averages = slots.get('average');
  return new Map([...weights].map(([id, tensor]) => [id, averages?.get(id) ?? tensor]));
}

/** What a job delivers from where training stands. */
export function deliverableWeights(
  weights: ReadonlyMap<string, Tensor>,
  { slots, stopping }: Pick<TrainerState, 'slots' | 'stopping'>,
): ReadonlyMap<string, Tensor> {
  return deliveredPoint(stopping)?.constants ?? evaluatedWeights(weights, slots);
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
