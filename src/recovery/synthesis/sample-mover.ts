import { createSynthesisStep, type SynthesisStep } from '../../autodiff/index.js';
import type { CompiledGraph, Engine } from '../../engine/engine.js';
import type { Graph } from '../../graph/graph.js';
import { selectOutputs } from '../../graph/passes/select-outputs.js';
import { scalar, type Tensor } from '../../graph/tensor.js';
import type { Bounds } from './sample-range.js';

type Values = ReadonlyMap<string, Tensor>;

/** The second mean follows gradients within a run of under a hundred steps. ε is below what gradients of a pixel are. */
const ADAM = { type: 'adam', beta1: 0.9, beta2: 0.99, epsilon: 1e-10, weightDecay: 0 } as const;

export interface MoveOptions {
  readonly bounds: ReadonlyMap<string, Bounds>;
  /** The rate of each step, in order, as a share of the range. */
  readonly rates: readonly number[];
  readonly signal: AbortSignal | undefined;
  readonly onStep: () => void;
}

/** Moves samples by the synthesis step of a model, compiled once for blocks of any size. */
export class SampleMover {
  readonly step: SynthesisStep;
  readonly compiled: CompiledGraph;
  readonly #loss: CompiledGraph;

  /** @throws EspalierError NOT_TRAINABLE, as createSynthesisStep says */
  static async open(graph: Graph, engine: Engine): Promise<SampleMover> {
    const step = createSynthesisStep(graph, { optimizer: ADAM });
    const compiled = await engine.compile(step.graph);
    try {
      return new SampleMover(step, compiled, await engine.compile(selectOutputs(step.graph, [step.lossOutput])));
    } catch (error) {
      await compiled.release();
      throw error;
    }
  }

  private constructor(step: SynthesisStep, compiled: CompiledGraph, loss: CompiledGraph) {
    this.step = step;
    this.compiled = compiled;
    this.#loss = loss;
  }

  /** What the given samples become, one step a rate. @throws the signal's reason, between two steps */
  async move(samples: Values, { bounds, rates, signal, onStep }: MoveOptions): Promise<Values> {
    const feeds = this.#read(samples);
    for (const { input, low, high, slots } of this.step.samples) {
      feeds.set(low, bounds.get(input)!.low).set(high, bounds.get(input)!.high);
      const { shape, data } = feeds.get(input)!;
      for (const slot of slots) feeds.set(slot.input, { dtype: 'float32', shape, data: new Float32Array(data.length) });
    }
    for (const [i, rate] of rates.entries()) {
      signal?.throwIfAborted();
      feeds.set(this.step.learningRate, scalar('float32', rate));
      if (this.step.step !== undefined) feeds.set(this.step.step, scalar('float32', i + 1));
      const results = await this.compiled.run(feeds);
      for (const { input, output, slots } of this.step.samples) {
        feeds.set(input, results.get(output)!);
        for (const slot of slots) feeds.set(slot.input, results.get(slot.output)!);
      }
      onStep();
    }
    return new Map([...samples].map(([id, tensor]) => [id, feeds.get(id) ?? tensor]));
  }

  /** {@link SynthesisStep.lossOutput} of samples as they are. */
  async lossOf(samples: Values): Promise<number> {
    return Number((await this.#loss.run(this.#read(samples))).get(this.step.lossOutput)!.data[0]);
  }

  /** Those inputs that the norms depend on. */
  #read(samples: Values): Map<string, Tensor> {
    return new Map(this.step.samples.map(({ input }) => [input, samples.get(input)!]));
  }

  async close(): Promise<void> {
    await this.#loss.release();
    await this.compiled.release();
  }
}
