import type { Node } from '../../../graph/graph.js';
import { flagAttr, numberAttr } from '../../../graph/ops/attributes.js';

/** What a fusion put behind a node, by attributes of this engine: y = act(… + residual). */
export const FUSED = { relu: 'fused_relu', most: 'fused_relu_max' } as const;

/** The fields of a kernel's activation: whether it rectifies, and its upper bound, 0 for none. */
export const activationFields = (node: Node): { relu: number; relu_max: number } => ({
  relu: flagAttr(node, FUSED.relu, false) ? 1 : 0,
  relu_max: numberAttr(node, FUSED.most, 0),
});
