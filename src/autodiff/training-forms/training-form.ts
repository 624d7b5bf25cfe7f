import type { Node } from '../../graph/graph.js';
import type { GradientContext } from '../rules/gradient-rule.js';
import type { StepBuilder } from '../step-builder.js';

/** What a training form may do besides adding nodes. */
export interface TrainingContext {
  readonly builder: StepBuilder;
  /** Whether a value of the model is a constant that is a running statistic. */
  isStatistic(constant: string): boolean;
  /** The current value of a running statistic of the model, by constant id. */
  statistic(constant: string): string;
  /** Replaces the value of a running statistic. A layer applied twice updates it twice. */
  updateStatistic(constant: string, value: string): void;
  /** A new input for the mask of a dropout. */
  dropoutMask(node: Node, ratio: number, like: string): string;
}

/** How a node ran, and the gradients by its inputs given the gradient by its output, as a `GradientRule` gives them. */
export interface TrainedNode {
  readonly output: string;
  gradient(dy: string, context: GradientContext): (string | undefined)[];
}

/** How an op kind runs in training. `node` is the model's; `inputs` are its inputs' values in the step graph. */
export type TrainingForm = (node: Node, inputs: readonly string[], context: TrainingContext) => TrainedNode;
