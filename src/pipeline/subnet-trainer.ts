import type { OptimizerSpec } from '../autodiff/index.js';
import { shuffledOrder } from '../data/index.js';
import type { Engine } from '../engine/engine.js';
import { elementCount, type Tensor } from '../graph/tensor.js';
import type { FinetuneConfig } from '../prune-config/index.js';
import type { ChannelMutator, PruneStep, Subnet, Trainer, TrainStretch } from '../pruning/index.js';
import type { JobListener } from './contract.js';
import { type Evaluation, evaluateSplit } from './evaluation.js';
import type { JobData } from './job-data.js';
import { learningRateAt } from './learning-rate.js';
import { diverged, type OptimizerSlots, openTrainingSession, type TrainingSession } from './training-session.js';

export interface SubnetTrainerOptions {
  readonly engine: Engine;
  readonly mutator: ChannelMutator;
  readonly data: JobData;
  readonly finetune: FinetuneConfig;
  readonly seed: number;
  readonly listener: Pick<JobListener, 'metric'>;
  /** Called after each step with the share of all epochs that is done. */
  onProgress(fraction: number): void;
  /** The subnet has been made anew. */
  onPruned(step: PruneStep): Promise<void>;
  /** An epoch is over; the mutator's full weights are up to date. */
  onEpochEnd(epoch: number): Promise<void>;
}

/** Where training stands, with tensors of the full model's shapes. */
export interface TrainerState {
  readonly steps: number;
  readonly slots: OptimizerSlots;
}

/**
 * Trains the subnet that the mutator's choices leave. The narrow weights are trained; after each stretch they are written
 * back into the mutator's full weights, so that a pruned channel keeps what it had and can come back.
 */
export class SubnetTrainer implements Trainer {
  readonly iterationsPerEpoch: number;
  readonly #options: SubnetTrainerOptions;
  #subnet: Subnet;
  #session: TrainingSession | undefined;
  #slots: OptimizerSlots;
  #steps: number;
  /** Of the epoch that is being trained. */
  #running = { loss: 0, correct: 0 };

  constructor(options: SubnetTrainerOptions, resumed?: TrainerState) {
    const { data, finetune, mutator } = options;
    this.#options = options;
    this.iterationsPerEpoch = Math.ceil(data.train.count / finetune.batch_size);
    this.#subnet = mutator.exportSubnet();
    this.#slots = resumed?.slots ?? new Map();
    this.#steps = resumed?.steps ?? 0;
  }

  get state(): TrainerState {
    return { steps: this.#steps, slots: this.#slots };
  }

  /** The network as it is trained now, on the weights of the last write-back. */
  get subnet(): Subnet {
    return this.#subnet;
  }

  async fullWeights(): Promise<ReadonlyMap<string, Tensor>> {
    return this.#options.mutator.weights;
  }

  async prune(step: PruneStep): Promise<void> {
    await this.release();
    this.#subnet = this.#options.mutator.exportSubnet();
    await this.#options.onPruned(step);
  }

  /** @throws the signal's reason, between steps; what was trained until then is kept; EspalierError TRAINING_DIVERGED */
  async train({ epoch, from, to, endsEpoch }: TrainStretch, signal: AbortSignal | undefined): Promise<void> {
    const { data, finetune, seed, onProgress, onEpochEnd } = this.#options;
    const { train, scaling } = data;
    const { batch_size: batchSize, epochs } = finetune;
    const session = await this.#openSession();
    const order = finetune.shuffle
      ? shuffledOrder(train.count, seed, epoch)
      : Uint32Array.from(Array(train.count).keys());
    const input = this.#subnet.graph.inputs[0];
    if (from === 0) this.#running = { loss: 0, correct: 0 };
    try {
      for (let iteration = from; iteration < to; iteration++) {
        signal?.throwIfAborted();
        const { x, y } = train.batch(order.subarray(iteration * batchSize, (iteration + 1) * batchSize), scaling);
        const done = epoch + iteration / this.iterationsPerEpoch;
        const step = await session.step(new Map([[input, x]]), y!, learningRateAt(finetune, done), this.#steps++);
        this.#running.loss += step.loss * x.shape[0];
        this.#running.correct += step.correct;
        onProgress((epoch + (iteration + 1) / this.iterationsPerEpoch) / epochs);
      }
    } finally {
      this.#writeBack(session);
    }
    session.requireFinite();
    if (!endsEpoch) return;
    this.#report('train_loss', this.#running.loss / train.count, epoch);
    this.#report('train_accuracy', this.#running.correct / train.count, epoch);
    await onEpochEnd(epoch);
  }

  /** Scores the subnet on the validation part. @throws EspalierError TRAINING_DIVERGED */
  async evaluate(signal?: AbortSignal): Promise<Evaluation> {
    const { engine, data } = this.#options;
    const score = await evaluateSplit(engine, this.#subnet.graph, data.validation, data.scaling, signal);
    if (this.#steps > 0 && !Number.isFinite(score.loss)) throw diverged(`the validation loss became ${score.loss}`);
    return score;
  }

  async release(): Promise<void> {
    await this.#session?.release();
    this.#session = undefined;
  }

  #report(name: string, value: number, epoch: number): void {
    this.#options.listener.metric({ name, value, epoch, step: this.#steps });
  }

  async #openSession(): Promise<TrainingSession> {
    if (this.#session) return this.#session;
    const { engine, data, finetune, seed } = this.#options;
    const slots = new Map([...this.#slots].map(([slot, full]) => [slot, this.#subnet.sliceTensors(full)]));
    this.#session = await openTrainingSession(
      engine,
      this.#subnet.graph,
      {
        loss: 'cross_entropy',
        labels: data.train.labels.kind === 'one_hot' ? 'one_hot' : 'index',
        optimizer: optimizerOf(finetune),
        seed,
      },
      slots,
    );
    return this.#session;
  }

  #writeBack(session: TrainingSession): void {
    const { mutator } = this.#options;
    const { constants, slots } = session.state();
    mutator.setWeights(this.#subnet.writeBack(mutator.weights, constants));
    this.#slots = new Map(
      [...slots].map(([slot, sliced]) => {
        const full = this.#slots.get(slot) ?? zerosLike(mutator.weights, sliced.keys());
        return [slot, this.#subnet.writeBack(full, sliced)];
      }),
    );
    this.#subnet = mutator.exportSubnet();
  }
}

function zerosLike(weights: ReadonlyMap<string, Tensor>, ids: Iterable<string>): Map<string, Tensor> {
  return new Map(
    [...ids].map((id) => {
      const { shape } = weights.get(id)!;
      return [id, { dtype: 'float32', shape, data: new Float32Array(elementCount(shape)) }];
    }),
  );
}

function optimizerOf({ optimizer }: FinetuneConfig): OptimizerSpec {
  const weightDecay = optimizer.weight_decay;
  if (optimizer.type === 'sgd') return { type: 'sgd', momentum: optimizer.momentum, weightDecay };
  const { beta1, beta2, epsilon } = optimizer;
  return { type: 'adam', beta1, beta2, epsilon, weightDecay };
}
