import { createTrainingStep, type TrainingOptions } from '../../autodiff/index.js';
import type { Engine } from '../../engine/engine.js';
import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { type BatchPlan, type MemoryBudget, planBatch } from './micro-batch.js';
import {
  type OptimizerSlots,
  openMicroRunner,
  runWhole,
  type StepBatch,
  type StepOutcome,
  type StepRunner,
  type StepScalars,
  type TrainingState,
  zerosLike,
} from './step-runner.js';

export interface SessionOptions {
  /** Of dropout. */
  readonly seed: number;
  readonly batchSize: number;
  /** Absent: whatever it takes. */
  readonly budget?: MemoryBudget | undefined;
  /** Parts that batches go through in, as an earlier session settled; the budget is not asked then. */
  readonly microBatch?: number | undefined;
}

/** Trains one graph. Open one for each structure: after a prune step the narrower graph needs a session of its own. */
export interface TrainingSession {
  readonly plan: BatchPlan;
  readonly heads: StepRunner['heads'];
  /** One optimizer step. @throws EspalierError TRAINING_DIVERGED when the loss is not finite */
  step(batch: StepBatch, scalars: StepScalars): Promise<Omit<StepOutcome, 'state'>>;
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
 * Compiles the training step of `graph` and starts from the graph's own constants and the given optimizer slots (where
 * absent: zeros, and averages at the weights).
 * @throws EspalierError NOT_TRAINABLE
 */
export async function openTrainingSession(
  engine: Engine,
  graph: Graph,
  training: TrainingOptions,
  options: SessionOptions,
  slots: OptimizerSlots = new Map(),
): Promise<TrainingSession> {
  const { seed, batchSize, budget } = options;
  const step = createTrainingStep(graph, training);
  const compiled = await engine.compile(step.graph);
  const plan = planBatch(graph, training, step, compiled, batchSize, budget, options.microBatch);
  if (plan.microBatch >= batchSize) return new Session(graph, runWhole(step, compiled, seed), plan, slots);
  await compiled.release();
  const runner = await openMicroRunner(engine, graph, training, seed, plan.microBatch);
  return new Session(graph, runner, plan, slots);
}

class Session implements TrainingSession {
  readonly plan: BatchPlan;
  readonly #runner: StepRunner;
  #state: TrainingState;

  constructor(graph: Graph, runner: StepRunner, plan: BatchPlan, given: OptimizerSlots) {
    this.plan = plan;
    this.#runner = runner;
    const weight = (id: string): Tensor => graph.constants.get(id)!.tensor;
    const slots = new Map<string, Map<string, Tensor>>();
    for (const { slot, constant, initial } of runner.slots) {
      const start = () => (initial === 'zeros' ? zerosLike(weight(constant)) : weight(constant));
      const bySlot = slots.get(slot) ?? new Map<string, Tensor>();
      slots.set(slot, bySlot.set(constant, given.get(slot)?.get(constant) ?? start()));
    }
    this.#state = { constants: new Map(runner.constants.map((id) => [id, weight(id)])), slots };
  }

  get heads() {
    return this.#runner.heads;
  }

  async step(batch: StepBatch, scalars: StepScalars) {
    const { state, loss, scores } = await this.#runner.run(this.#state, batch, scalars);
    if (!Number.isFinite(loss)) throw diverged(`the loss became ${loss} at step ${scalars.number}`);
    this.#state = state;
    return { loss, scores };
  }

  state(): TrainingState {
    const copies = (tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
      new Map([...tensors].map(([id, t]) => [id, { ...t, data: t.data.slice() } as Tensor]));
    const { constants, slots } = this.#state;
    return {
      constants: copies(constants),
      slots: new Map([...slots].map(([slot, tensors]) => [slot, copies(tensors)])),
    };
  }

  requireFinite(): void {
    for (const [constant, { data }] of this.#state.constants) {
      if ((data as Float32Array).every(Number.isFinite)) continue;
      throw diverged(`the weights of ${constant} are no longer finite`);
    }
  }

  release(): Promise<void> {
    return this.#runner.release();
  }
}

export function diverged(what: string): EspalierError {
  return new EspalierError('TRAINING_DIVERGED', `${what}; a lower learning rate may help`);
}
