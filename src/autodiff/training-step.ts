import type { Graph } from '../graph/graph.js';

export type LossKind = 'cross_entropy';

export type OptimizerSpec =
  | { readonly type: 'sgd'; readonly momentum: number; readonly weightDecay: number }
  | {
      readonly type: 'adam';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    };

export interface TrainingOptions {
  readonly loss: LossKind;
  readonly optimizer: OptimizerSpec;
  /** `index`: int32 class numbers `[N]`. `one_hot`: float32 `[N, classes]`. */
  readonly labels: 'index' | 'one_hot';
  /** Graph output to train; default the only one. A closing Softmax is stripped: the loss takes the logits. */
  readonly output?: string;
}

/** A value that goes in, and comes out updated: feed the output of one step as the input of the next. */
export interface StateBinding {
  readonly input: string;
  readonly output: string;
  /** Id of the model's constant that it belongs to. */
  readonly constant: string;
}

/** A step graph and how to drive it. Inputs and outputs are names in `graph`. */
export interface TrainingStep {
  readonly graph: Graph;
  /** The model's own inputs, unchanged ids. */
  readonly inputs: readonly string[];
  readonly labels: string;
  /** Scalar float32 inputs. `step` counts from 1 (Adam's bias correction); absent when the optimizer has no use for it. */
  readonly learningRate: string;
  readonly step?: string;
  readonly parameters: readonly StateBinding[];
  readonly statistics: readonly StateBinding[];
  /** Optimizer state, zeros at the start, shaped as the parameter; `slot` is `momentum`, `m` or `v`. */
  readonly slots: readonly (StateBinding & { readonly slot: string })[];
  /** One float32 input a dropout: 0 where dropped, 1/(1-ratio) where kept; shape as the dropped value, batch first. */
  readonly dropout: readonly {
    readonly input: string;
    readonly ratio: number;
    readonly shape: readonly (number | string)[];
  }[];
  /** Scalar float32 outputs: mean loss over the batch, and how many of the batch were classified right. */
  readonly lossOutput: string;
  readonly correctOutput: string;
}

/** A graph for evaluation with labels: inputs and labels in, per-batch loss sum and correct count out. */
export interface EvaluationStep {
  readonly graph: Graph;
  readonly inputs: readonly string[];
  readonly labels: string;
  readonly lossSumOutput: string;
  readonly correctOutput: string;
}
