import {
  createMicroSteps,
  type DropoutBinding,
  type HeadBinding,
  type SlotBinding,
  type TrainingOptions,
  type TrainingStep,
} from '../../autodiff/index.js';
import { seededRandom } from '../../data/index.js';
import type { CompiledGraph, Engine } from '../../engine/engine.js';
import type { Graph } from '../../graph/graph.js';
import { allocate, elementCount, scalar, type Tensor } from '../../graph/tensor.js';

/** Optimizer state: for each slot (`momentum`, `m`, `v`, `average`) a tensor by constant id. */
export type OptimizerSlots = ReadonlyMap<string, ReadonlyMap<string, Tensor>>;

/** What training changes: weights and running statistics by constant id, and the optimizer's slots. */
export interface TrainingState {
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly slots: OptimizerSlots;
}

/** A batch as a step takes it: labels and the original's outputs by the model's output. */
export interface StepBatch {
  readonly x: Tensor;
  readonly labels: ReadonlyMap<string, Tensor>;
  readonly taught?: ReadonlyMap<string, Tensor> | undefined;
}

/** `number` counts from 0 over the whole job. */
export interface StepScalars {
  readonly number: number;
  readonly learningRate: number;
  /** How much of the average weights stays. */
  readonly averaging: number;
}

export interface StepOutcome {
  readonly state: TrainingState;
  /** Mean over the batch. */
  readonly loss: number;
  /** Each head's metric, summed over the batch's samples. */
  readonly scores: readonly number[];
}

/** Makes optimizer steps. It keeps no state of training. */
export interface StepRunner {
  readonly heads: readonly HeadBinding[];
  readonly slots: readonly SlotBinding[];
  /** Ids of the constants that change. */
  readonly constants: readonly string[];
  run(state: TrainingState, batch: StepBatch, scalars: StepScalars): Promise<StepOutcome>;
  release(): Promise<void>;
}

/** A batch goes through whole. */
export function runWhole(step: TrainingStep, compiled: CompiledGraph, seed: number): StepRunner {
  const changing = [...step.parameters, ...step.statistics];
  /** Results of the step before the last, which the next one replaces: the state is always that of the last. */
  let spent: ReadonlyMap<string, Tensor> | undefined;
  let last: ReadonlyMap<string, Tensor> | undefined;
  return {
    heads: step.heads,
    slots: step.slots,
    constants: changing.map(({ constant }) => constant),
    async run(state, batch, scalars) {
      const feeds = new Map<string, Tensor>();
      feedBatch(feeds, step, batch);
      for (const [i, mask] of dropoutMasks(step.dropout, batch.x.shape[0], seed, scalars.number).entries()) {
        feeds.set(step.dropout[i].input, mask);
      }
      for (const { input, constant } of changing) feeds.set(input, state.constants.get(constant)!);
      feedUpdate(feeds, step, state, scalars);
      const results = await compiled.run(feeds, spent);
      [spent, last] = [last, results];
      return {
        state: {
          constants: new Map(changing.map(({ constant, output }) => [constant, results.get(output)!])),
          slots: slotsOf(step.slots, results),
        },
        loss: Number(results.get(step.lossOutput)!.data[0]),
        scores: step.heads.map(({ scoreOutput }) => Number(results.get(scoreOutput)!.data[0])),
      };
    },
    release: () => compiled.release(),
  };
}

/**
 * A batch goes through in parts of `size` samples, whose gradients are added up and applied once. Batch norms take
 * statistics of each part; everything else comes out as from the whole batch.
 */
export async function openMicroRunner(
  engine: Engine,
  graph: Graph,
  options: TrainingOptions,
  seed: number,
  size: number,
): Promise<StepRunner> {
  const { gradient, update } = createMicroSteps(graph, options);
  const compiled = { gradient: await engine.compile(gradient.graph), update: await engine.compile(update.graph) };
  const trained = new Set(gradient.parameters.map(({ constant }) => constant));
  return {
    heads: gradient.heads,
    slots: update.slots,
    constants: [...trained, ...gradient.statistics.map(({ constant }) => constant)],
    async run(state, batch, scalars) {
      const samples = batch.x.shape[0];
      const masks = dropoutMasks(gradient.dropout, samples, seed, scalars.number);
      const constants = new Map(state.constants);
      let sums = new Map([...trained].map((id) => [id, zerosLike(state.constants.get(id)!)]));
      let loss = 0;
      const scores = gradient.heads.map(() => 0);
      for (let from = 0; from < samples; from += size) {
        const to = Math.min(samples, from + size);
        const share = (to - from) / samples;
        const feeds = new Map<string, Tensor>([[gradient.share, scalar('float32', share)]]);
        feedBatch(feeds, gradient, rowsOfBatch(batch, from, to));
        for (const [i, mask] of masks.entries()) feeds.set(gradient.dropout[i].input, rows(mask, from, to));
        for (const { input, constant } of [...gradient.parameters, ...gradient.statistics]) {
          feeds.set(input, constants.get(constant)!);
        }
        for (const { input, constant } of gradient.sums) feeds.set(input, sums.get(constant)!);
        const results = await compiled.gradient.run(feeds);
        sums = new Map(gradient.sums.map(({ constant, output }) => [constant, results.get(output)!]));
        for (const { constant, output } of gradient.statistics) constants.set(constant, results.get(output)!);
        loss += share * Number(results.get(gradient.lossOutput)!.data[0]);
        gradient.heads.forEach(({ scoreOutput }, i) => {
          scores[i] += Number(results.get(scoreOutput)!.data[0]);
        });
      }
      const feeds = new Map<string, Tensor>();
      for (const { input, constant } of [...update.parameters, ...update.statistics]) {
        feeds.set(input, constants.get(constant)!);
      }
      for (const [constant, input] of update.gradients) feeds.set(input, sums.get(constant)!);
      feedUpdate(feeds, update, state, scalars);
      const results = await compiled.update.run(feeds);
      for (const { constant, output } of update.parameters) constants.set(constant, results.get(output)!);
      return { state: { constants, slots: slotsOf(update.slots, results) }, loss, scores };
    },
    async release() {
      await compiled.gradient.release();
      await compiled.update.release();
    },
  };
}

function feedBatch(
  feeds: Map<string, Tensor>,
  { inputs, heads }: { readonly inputs: readonly string[]; readonly heads: readonly HeadBinding[] },
  { x, labels, taught }: StepBatch,
): void {
  feeds.set(inputs[0], x);
  for (const head of heads) {
    if (head.labels) feeds.set(head.labels, labels.get(head.output)!);
    if (head.teacher) feeds.set(head.teacher, taught!.get(head.output)!);
  }
}

function feedUpdate(
  feeds: Map<string, Tensor>,
  step: Pick<TrainingStep, 'learningRate' | 'step' | 'averaging' | 'slots'>,
  state: TrainingState,
  { learningRate, number, averaging }: StepScalars,
): void {
  feeds.set(step.learningRate, scalar('float32', learningRate));
  if (step.step) feeds.set(step.step, scalar('float32', number + 1));
  if (step.averaging) feeds.set(step.averaging, scalar('float32', averaging));
  for (const { input, slot, constant } of step.slots) feeds.set(input, state.slots.get(slot)!.get(constant)!);
}

function slotsOf(bindings: readonly SlotBinding[], results: ReadonlyMap<string, Tensor>): OptimizerSlots {
  const slots = new Map<string, Map<string, Tensor>>();
  for (const { slot, constant, output } of bindings) {
    const bySlot = slots.get(slot) ?? new Map<string, Tensor>();
    slots.set(slot, bySlot.set(constant, results.get(output)!));
  }
  return slots;
}

function rowsOfBatch({ x, labels, taught }: StepBatch, from: number, to: number): StepBatch {
  const each = (tensors: ReadonlyMap<string, Tensor>) =>
    new Map([...tensors].map(([output, t]) => [output, rows(t, from, to)]));
  return { x: rows(x, from, to), labels: each(labels), taught: taught && each(taught) };
}

function rows(t: Tensor, from: number, to: number): Tensor {
  const row = elementCount(t.shape.slice(1));
  return { ...t, shape: [to - from, ...t.shape.slice(1)], data: t.data.slice(from * row, to * row) } as Tensor;
}

export function zerosLike({ shape }: Tensor): Tensor {
  return { dtype: 'float32', shape, data: allocate('float32', elementCount(shape)) };
}

/** Zeros where dropped, 1/(1-ratio) where kept; the same seed and step give the same masks. */
function dropoutMasks(bindings: readonly DropoutBinding[], samples: number, seed: number, step: number): Tensor[] {
  return bindings.map(({ ratio, shape }, i) => {
    const extents = shape.map((d) => (typeof d === 'number' ? d : samples));
    const random = seededRandom(mixSeed(seed, step, i));
    const data = allocate('float32', elementCount(extents));
    const keep = 1 / (1 - ratio);
    for (let k = 0; k < data.length; k++) data[k] = random() < ratio ? 0 : keep;
    return { dtype: 'float32', shape: extents, data };
  });
}

/** One 32-bit seed for each dropout of each step, so that a resumed job draws the masks that it would have drawn. */
function mixSeed(seed: number, step: number, index: number): number {
  return Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(step + 1, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
}
