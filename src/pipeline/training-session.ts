import { createTrainingStep, type TrainingOptions, type TrainingStep } from '../autodiff/index.js';
import { seededRandom } from '../data/index.js';
import type { CompiledGraph, Engine } from '../engine/engine.js';
import { EspalierError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { allocate, elementCount, scalar, type Tensor } from '../graph/tensor.js';

/** Optimizer state: for each slot (`momentum`, `m`, `v`) a tensor by constant id. */
export type OptimizerSlots = ReadonlyMap<string, ReadonlyMap<string, Tensor>>;

/** What training changes: weights and running statistics by constant id, and the optimizer's slots. */
export interface TrainingState {
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly slots: OptimizerSlots;
}

export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  readonly correct: number;
}

/** Trains one graph. Open one for each structure: after a prune step the narrower graph needs a session of its own. */
export interface TrainingSession {
  /** One optimizer step. `stepNumber` counts from 0 over the whole job and seeds dropout. */
  step(x: ReadonlyMap<string, Tensor>, labels: Tensor, learningRate: number, stepNumber: number): Promise<StepResult>;
  /** The state now; tensors are not shared with the session. */
  state(): TrainingState;
  /**
   * The loss of a step is taken before its update, and later layers may swallow a NaN: only the weights themselves tell.
   * @throws EspalierError TRAINING_DIVERGED naming a weight that holds NaN or an infinite value
   */
  requireFinite(): void;
  release(): Promise<void>;
}

/**
 * Compiles the training step of `graph` and starts from the graph's own constants and the given optimizer slots (zeros
 * where absent).
 * @throws EspalierError NOT_TRAINABLE, TRAINING_DIVERGED (from `step`, when the loss is not finite)
 */
export async function openTrainingSession(
  engine: Engine,
  graph: Graph,
  options: TrainingOptions & { readonly seed: number },
  slots: OptimizerSlots = new Map(),
): Promise<TrainingSession> {
  const training = createTrainingStep(graph, options);
  const compiled = await engine.compile(training.graph);
  return new Session(graph, training, compiled, options.seed, slots);
}

class Session implements TrainingSession {
  readonly #training: TrainingStep;
  readonly #compiled: CompiledGraph;
  readonly #seed: number;
  /** Feeds that one step hands to the next, by input name. */
  readonly #state = new Map<string, Tensor>();

  constructor(graph: Graph, training: TrainingStep, compiled: CompiledGraph, seed: number, slots: OptimizerSlots) {
    this.#training = training;
    this.#compiled = compiled;
    this.#seed = seed;
    for (const { input, constant } of [...training.parameters, ...training.statistics]) {
      this.#state.set(input, graph.constants.get(constant)!.tensor);
    }
    for (const { input, constant, slot } of training.slots) {
      const { shape } = graph.constants.get(constant)!.tensor;
      const zeros = (): Tensor => ({ dtype: 'float32', shape, data: allocate('float32', elementCount(shape)) });
      this.#state.set(input, slots.get(slot)?.get(constant) ?? zeros());
    }
  }

  async step(
    x: ReadonlyMap<string, Tensor>,
    labels: Tensor,
    learningRate: number,
    stepNumber: number,
  ): Promise<StepResult> {
    const training = this.#training;
    const feeds = new Map<string, Tensor>([...x, ...this.#state]);
    feeds.set(training.labels, labels);
    feeds.set(training.learningRate, scalar('float32', learningRate));
    if (training.step) feeds.set(training.step, scalar('float32', stepNumber + 1));
    training.dropout.forEach(({ input, ratio, shape }, i) => {
      const concrete = shape.map((d) => (typeof d === 'number' ? d : labels.shape[0]));
      feeds.set(input, dropoutMask(concrete, ratio, mixSeed(this.#seed, stepNumber, i)));
    });
    const results = await this.#compiled.run(feeds);
    const loss = Number(results.get(training.lossOutput)!.data[0]);
    if (!Number.isFinite(loss)) throw diverged(`the loss became ${loss} at step ${stepNumber}`);
    for (const { input, output } of [...training.parameters, ...training.statistics, ...training.slots]) {
      this.#state.set(input, results.get(output)!);
    }
    return { loss, correct: Number(results.get(training.correctOutput)!.data[0]) };
  }

  state(): TrainingState {
    const copy = (input: string): Tensor => {
      const t = this.#state.get(input)!;
      return { ...t, data: t.data.slice() } as Tensor;
    };
    const training = this.#training;
    const slots = new Map<string, Map<string, Tensor>>();
    for (const { slot, constant, input } of training.slots) {
      const bySlot = slots.get(slot) ?? new Map<string, Tensor>();
      slots.set(slot, bySlot.set(constant, copy(input)));
    }
    return {
      constants: new Map([...training.parameters, ...training.statistics].map((b) => [b.constant, copy(b.input)])),
      slots,
    };
  }

  requireFinite(): void {
    for (const { input, constant } of [...this.#training.parameters, ...this.#training.statistics]) {
      const { data } = this.#state.get(input)!;
      if ((data as Float32Array).every(Number.isFinite)) continue;
      throw diverged(`the weights of ${constant} are no longer finite`);
    }
  }

  release(): Promise<void> {
    return this.#compiled.release();
  }
}

export function diverged(what: string): EspalierError {
  return new EspalierError('TRAINING_DIVERGED', `${what}; a lower learning rate may help`);
}

/** Zeros where dropped, 1/(1-ratio) where kept; the same seed gives the same mask. */
function dropoutMask(shape: readonly number[], ratio: number, seed: number): Tensor {
  const random = seededRandom(seed);
  const data = allocate('float32', elementCount(shape));
  const keep = 1 / (1 - ratio);
  for (let i = 0; i < data.length; i++) data[i] = random() < ratio ? 0 : keep;
  return { dtype: 'float32', shape, data };
}

/** One 32-bit seed for each dropout of each step, so that a resumed job draws the masks that it would have drawn. */
function mixSeed(seed: number, step: number, index: number): number {
  return Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(step + 1, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
}
