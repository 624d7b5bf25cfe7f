import type { Node } from '../graph.js';
import type { OpSpec } from '../op-spec.js';
import { ACTIVATION_OPS } from './activations.js';
import { intAttr } from './attributes.js';
import { BATCH_STATISTICS_OPS } from './batch-statistics.js';
import { CONCAT_OPS } from './concat.js';
import { CONV_OPS } from './conv.js';
import { CONV_TRANSPOSE_OPS } from './conv-transpose.js';
import { DENSE_OPS } from './dense.js';
import { ELEMENTWISE_OPS } from './elementwise.js';
import { EXPAND_BATCH_OPS } from './expand-batch.js';
import { GATHER_OPS } from './gather.js';
import { GRADIENT_OPS } from './gradients.js';
import { NORMALIZATION_OPS } from './normalization.js';
import { OPAQUE_OP } from './opaque.js';
import { PAD_OPS } from './pad.js';
import { POOLING_OPS } from './pooling.js';
import { PRELU_OPS } from './prelu.js';
import { REDUCTION_OPS } from './reduce.js';
import { RESHAPE_OPS } from './reshape.js';
import { RESIZE_OPS } from './resize.js';
import { SAMPLE_NORMALIZATION_OPS } from './sample-normalization.js';
import { SELECTION_OPS } from './select.js';
import { SLICE_OP } from './slice.js';
import { SOFTMAX_OPS } from './softmax.js';
import { TILE_OPS } from './tile.js';
import { TRANSPOSE_OPS } from './transpose.js';

/** Every op kind of the IR, one row each. A new op is one file (or one entry in its family's file) and one row here. */
const OPS: readonly OpSpec[] = [
  ...CONV_OPS,
  ...CONV_TRANSPOSE_OPS,
  ...DENSE_OPS,
  ...NORMALIZATION_OPS,
  ...SAMPLE_NORMALIZATION_OPS,
  ...ACTIVATION_OPS,
  ...PRELU_OPS,
  ...SOFTMAX_OPS,
  ...POOLING_OPS,
  ...PAD_OPS,
  ...RESIZE_OPS,
  ...TILE_OPS,
  ...GATHER_OPS,
  ...ELEMENTWISE_OPS,
  ...CONCAT_OPS,
  ...RESHAPE_OPS,
  ...TRANSPOSE_OPS,
  ...REDUCTION_OPS,
  ...SELECTION_OPS,
  SLICE_OP,
  ...EXPAND_BATCH_OPS,
  ...BATCH_STATISTICS_OPS,
  ...GRADIENT_OPS,
];

const BY_NAME = new Map([...OPS, OPAQUE_OP].map((spec) => [spec.op, spec]));

export function findOp(op: string): OpSpec | undefined {
  return BY_NAME.get(op);
}

/** @throws Error for an op kind that the IR doesn't have. */
export function getOp(op: string): OpSpec {
  const spec = BY_NAME.get(op);
  if (!spec) throw new Error(`unknown op ${op}`);
  return spec;
}

/** In how many groups a node takes its channels. */
export function groupCount(node: Node): number {
  const attr = findOp(node.op)?.groups;
  return attr === undefined ? 1 : intAttr(node, attr, 1);
}

/** The ops that every engine has; `Opaque` is none of them, as only what reads the user's file format can run it. */
export function opNames(): string[] {
  return OPS.map((spec) => spec.op).sort();
}
