import type { Node } from '../../graph/graph.js';
import type { StepBuilder } from '../step-builder.js';

/** What a gradient rule works with. */
export interface GradientContext {
  /** Where the rule adds its nodes. The node's inputs and outputs are values there. */
  readonly builder: StepBuilder;
  /** Whether the gradient of input `i` is asked for. A rule may skip the others. */
  needs(i: number): boolean;
}

/**
 * The gradient of one op kind: given a node and the gradient of the loss by its output, the gradients by its inputs, in
 * order, each shaped as its input; undefined where there is none.
 * @throws EspalierError NOT_TRAINABLE naming the layer, for a form of the op that can't be differentiated.
 */
export type GradientRule = (node: Node, dy: string, context: GradientContext) => (string | undefined)[];
