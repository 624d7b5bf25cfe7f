import type { Graph, Shape } from '../graph/graph.js';

/** `cross_entropy` over classes; `binary_cross_entropy` of each element by itself; the others compare numbers. */
export type LossKind = 'cross_entropy' | 'binary_cross_entropy' | 'mse' | 'mae' | 'huber';

/**
 * `index`: int32 class numbers `[N]`, or `[N, …]` as the output without its axis of classes; -1 is no class, and counts
 * nothing. `one_hot`: float32 probabilities shaped as the output, `[N, classes]` where it has one axis wider than 1.
 * `values`: float32 `[N, …]` shaped as the output.
 */
export type LabelKind = 'index' | 'one_hot' | 'values';

/** Hinton, Vinyals & Dean 2015: `weight` of the loss against the original's outputs; the rest is the labels'. */
export interface Distillation {
  readonly weight: number;
  /** Softens the distributions of the cross-entropies. */
  readonly temperature: number;
}

/** How one output is trained. */
export interface HeadOptions {
  /** Graph output; default the only one. A closing softmax or sigmoid is stripped where the loss takes the logits. */
  readonly output?: string;
  readonly loss: LossKind;
  /** `none`: the original's output is all there is to learn from. */
  readonly labels: LabelKind | 'none';
  /** Of this head in the sum of all. Default 1. */
  readonly weight?: number;
  /** The output's axis of classes; default the closing softmax's, else the only one wider than 1. */
  readonly classAxis?: number;
  /** Share of each target that is spread over all classes (Szegedy et al. 2016). Default 0. */
  readonly labelSmoothing?: number;
  /** Where Huber's loss turns from square to straight. Default 1. */
  readonly huberDelta?: number;
  readonly distillation?: Distillation;
}

/** One head, or several that are trained together. */
export type HeadsOptions = HeadOptions | { readonly heads: readonly HeadOptions[] };

export type OptimizerSpec =
  | { readonly type: 'sgd'; readonly momentum: number; readonly weightDecay: number }
  | {
      readonly type: 'adam' | 'adamw';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  | {
      readonly type: 'rmsprop';
      readonly rho: number;
      readonly momentum: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    };

export type TrainingOptions = HeadsOptions & {
  readonly optimizer: OptimizerSpec;
  /** Gradients are scaled down to this norm, taken over all of them (Pascanu et al. 2013). */
  readonly clipNorm?: number;
  /** Also keep moving averages of weights and running statistics: the slot `average`. */
  readonly averages?: boolean;
};

/** A value that goes in, and comes out updated: feed the output of one step as the input of the next. */
export interface StateBinding {
  readonly input: string;
  readonly output: string;
  /** Id of the model's constant that it belongs to. */
  readonly constant: string;
}

/** State beside the weights, shaped as its constant; it starts at zero, or as the constant. */
export interface SlotBinding extends StateBinding {
  /** `momentum`, `m`, `v`, `average`. */
  readonly slot: string;
  readonly initial: 'zeros' | 'constant';
}

/** One float32 input a dropout: 0 where dropped, 1/(1-ratio) where kept; shape as the dropped value, batch first. */
export interface DropoutBinding {
  readonly input: string;
  readonly ratio: number;
  readonly shape: Shape;
}

/**
 * How well a head does. `accuracy`: the largest score is the right class's; `pixel_accuracy`: the same at each position;
 * `binary_accuracy`: each element on the right side; `agreement`: as one of the first three, with the original model
 * for the truth; `mean_absolute_error` is better when lower.
 */
export type MetricKind = 'accuracy' | 'pixel_accuracy' | 'binary_accuracy' | 'agreement' | 'mean_absolute_error';

/** Where one head's labels go in and its score comes out. */
export interface HeadBinding {
  /** Name of the model's output. */
  readonly output: string;
  /** Graph input. */
  readonly labels?: string;
  /** Graph input for what the original model gives, as {@link TeacherStep} computes it. */
  readonly teacher?: string;
  readonly metric: MetricKind;
  /** Scalar float32: the metric summed over the samples of the batch. */
  readonly scoreOutput: string;
}

/** What goes into a pass over a batch and comes out, whatever is done with the gradients. */
interface Pass {
  readonly graph: Graph;
  /** The model's own inputs, unchanged ids. */
  readonly inputs: readonly string[];
  readonly heads: readonly HeadBinding[];
  readonly parameters: readonly StateBinding[];
  readonly statistics: readonly StateBinding[];
  readonly dropout: readonly DropoutBinding[];
  /** Scalar float32 output: mean loss over the batch. */
  readonly lossOutput: string;
}

/** Scalar float32 inputs of an update. */
interface UpdateInputs {
  readonly learningRate: string;
  /** Counts from 1 (Adam's bias correction); absent when the optimizer has no use for it. */
  readonly step?: string;
  /** How much of the old average stays; absent without averages. */
  readonly averaging?: string;
}

/** A step graph and how to drive it. Inputs and outputs are names in `graph`. */
export interface TrainingStep extends Pass, UpdateInputs {
  /** The labels of the first head; `''` when it has none. */
  readonly labels: string;
  readonly slots: readonly SlotBinding[];
  /** The score of the first head. */
  readonly correctOutput: string;
}

/** A batch's gradients in parts: run for each micro-batch, its sums handed on, then one {@link UpdateStep}. */
export interface GradientStep extends Omit<Pass, 'parameters'> {
  /** Scalar float32 input: this micro-batch's share of the batch's samples. */
  readonly share: string;
  /** Read, not changed. */
  readonly parameters: readonly Omit<StateBinding, 'output'>[];
  /** Gradients so far, zeros at the start of a batch. */
  readonly sums: readonly StateBinding[];
}

/** Applies gradients: parameters, slots and gradients in, new parameters and slots out. */
export interface UpdateStep extends UpdateInputs {
  readonly graph: Graph;
  readonly parameters: readonly StateBinding[];
  /** Gradient inputs by constant id. */
  readonly gradients: ReadonlyMap<string, string>;
  /** Inputs that take the running statistics; there are some where their averages are kept. */
  readonly statistics: readonly Omit<StateBinding, 'output'>[];
  readonly slots: readonly SlotBinding[];
}

/** A graph for evaluation: inputs and labels (or the original's outputs) in, sums over the batch out. */
export interface EvaluationStep {
  readonly graph: Graph;
  readonly inputs: readonly string[];
  readonly heads: readonly HeadBinding[];
  /** Of the first head; `''` when it has none. */
  readonly labels: string;
  readonly lossSumOutput: string;
  readonly correctOutput: string;
  /** Values of the model that were asked for: what each was called, and where it comes out. */
  readonly carried: readonly { readonly name: string; readonly output: string }[];
}

/** The original model as it teaches: its inputs in; logits or values of each head out. */
export interface TeacherStep {
  readonly graph: Graph;
  readonly inputs: readonly string[];
  /** By the name of a head's output, that of the graph's. */
  readonly outputs: ReadonlyMap<string, string>;
}
