import { createTrainingStep, type TrainingStep } from '../../src/autodiff/index.js';
import type { CompiledGraph, Engine } from '../../src/engine/index.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import { allocate, elementCount, scalar, type Tensor } from '../../src/graph/tensor.js';
import { timed } from './timed.js';
import { constantsOf } from './torch-peer.js';

const LEARNING_RATE = 0.01;

/** Our side of the comparison: a net's training step and forward pass on one engine. */
export class OwnSide {
  readonly #step: TrainingStep;
  readonly #training: CompiledGraph;
  readonly #forward: CompiledGraph;
  readonly #graph: Graph;
  #feeds: Map<string, Tensor>;
  readonly #images: Tensor;
  /** Results of the step before the last, and of the last. */
  #spent: Map<string, Tensor> | undefined;
  #last: Map<string, Tensor> | undefined;

  static async open(engine: Engine, graph: Graph, images: Tensor): Promise<OwnSide> {
    const optimizer = { type: 'sgd', momentum: 0.9, weightDecay: 1e-4 } as const;
    const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer });
    return new OwnSide(step, await engine.compile(step.graph), await engine.compile(graph), graph, images);
  }

  private constructor(
    step: TrainingStep,
    training: CompiledGraph,
    forward: CompiledGraph,
    graph: Graph,
    images: Tensor,
  ) {
    this.#step = step;
    this.#training = training;
    this.#forward = forward;
    this.#graph = graph;
    this.#images = images;
    this.#feeds = this.#initialFeeds();
  }

  async train(runs: number): Promise<number[]> {
    return timed(runs, () => this.#runStep());
  }

  async forward(runs: number): Promise<number[]> {
    return timed(runs, () => this.#forward.run(new Map([['x', this.#images]])));
  }

  /** Gradients of all parameters at the initial weights, one after the other: what momentum is after the first step. */
  async gradients(images: Tensor): Promise<{ loss: number; values: Float32Array }> {
    const feeds = this.#initialFeeds().set('x', images);
    const results = await this.#training.run(feeds);
    const slots = new Map(this.#step.slots.map((slot) => [slot.constant, slot]));
    const parameters = constantsOf(this.#graph).filter(({ role }) => role === 'parameter');
    const values = parameters.map(({ id, data, shape }) => {
      const momentum = results.get(slots.get(id)!.output)!.data as Float32Array;
      // Weight decay is part of the momentum; it comes off again.
      return shape.length > 1 ? momentum.map((m, i) => m - 1e-4 * data[i]) : momentum;
    });
    const flat = new Float32Array(values.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    for (const each of values) {
      flat.set(each, offset);
      offset += each.length;
    }
    return { loss: results.get(this.#step.lossOutput)!.data[0] as number, values: flat };
  }

  /** Trains from the initial weights; an epoch's loss is the mean over its batches, told as each ends. */
  async epochs(
    images: Float32Array,
    labels: Int32Array,
    order: Int32Array,
    learningRate: number,
    onEpoch: (loss: number) => void,
  ): Promise<number[]> {
    const batch = this.#images.shape[0];
    const rowLength = images.length / labels.length;
    this.#feeds = this.#initialFeeds();
    this.#feeds.set(this.#step.learningRate, scalar('float32', learningRate));
    const losses: number[] = [];
    for (let epoch = 0; epoch < order.length; epoch += labels.length) {
      let total = 0;
      let batches = 0;
      for (let at = 0; at < labels.length; at += batch, batches++) {
        const rows = order.subarray(epoch + at, epoch + Math.min(at + batch, labels.length));
        const data = new Float32Array(rows.length * rowLength);
        rows.forEach((row, i) => {
          data.set(images.subarray(row * rowLength, (row + 1) * rowLength), i * rowLength);
        });
        const shape = [rows.length, ...this.#images.shape.slice(1)];
        this.#feeds.set('x', { dtype: 'float32', shape, data });
        const classes = Int32Array.from(rows, (row) => labels[row]);
        this.#feeds.set(this.#step.labels, { dtype: 'int32', shape: [rows.length], data: classes });
        total += (await this.#runStep()).get(this.#step.lossOutput)!.data[0] as number;
      }
      losses.push(total / batches);
      onEpoch(total / batches);
    }
    return losses;
  }

  async close(): Promise<void> {
    await this.#training.release();
    await this.#forward.release();
  }

  async #runStep(): Promise<Map<string, Tensor>> {
    const results = await this.#training.run(this.#feeds, this.#spent);
    [this.#spent, this.#last] = [this.#last, results];
    const { parameters, slots, statistics } = this.#step;
    for (const { input, output } of [...parameters, ...slots, ...statistics])
      this.#feeds.set(input, results.get(output)!);
    return results;
  }

  #initialFeeds(): Map<string, Tensor> {
    const step = this.#step;
    const batch = this.#images.shape[0];
    const feeds = new Map<string, Tensor>([
      ['x', this.#images],
      [step.learningRate, scalar('float32', LEARNING_RATE)],
      [step.labels, { dtype: 'int32', shape: [batch], data: Int32Array.from({ length: batch }, (_, i) => i % 10) }],
    ]);
    for (const { input, constant } of [...step.parameters, ...step.statistics])
      feeds.set(input, this.#graph.constants.get(constant)!.tensor);
    for (const { input } of step.slots) feeds.set(input, zeros(step.graph, input));
    return feeds;
  }
}

function zeros(graph: Graph, id: string): Tensor {
  const { dtype, shape } = getSpec(graph, id);
  return { dtype, shape: shape as number[], data: allocate(dtype, elementCount(shape as number[])) };
}
