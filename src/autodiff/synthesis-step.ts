import type { Graph } from '../graph/graph.js';
import type { OptimizerSpec, SlotBinding, StateBinding } from './training-step.js';

/** An input of the model whose samples are optimised. `constant` of its bindings is the input's own id. */
export interface SampleBinding extends StateBinding {
  readonly slots: readonly SlotBinding[];
  /** Inputs `[1, …]`, shaped as one sample: the bounds that its elements are held within. */
  readonly low: string;
  readonly high: string;
}

export interface SynthesisOptions {
  readonly optimizer: OptimizerSpec;
}

/**
 * A step that moves samples so that the moments of what goes into a model's batch norms come nearer to those that the norms
 * hold. Inputs and outputs are names in `graph`.
 */
export interface SynthesisStep {
  readonly graph: Graph;
  /** The model's inputs that its norms depend on; they keep their ids. The others are no inputs of the step. */
  readonly samples: readonly SampleBinding[];
  /** Scalar float32 input, as a share of the distance between the bounds. */
  readonly learningRate: string;
  /** Scalar float32 input that counts from 1; absent when the optimizer has no use for it. */
  readonly step?: string;
  /** Scalar float32 output: the loss before the step. */
  readonly lossOutput: string;
  /** The layers whose moments are compared, in order. */
  readonly layers: readonly string[];
}
