import type { NodeLowering } from '../lowering.js';
import type { NodePatch } from '../write/node-patch.js';

/** How one ONNX operator is read, and what of it holds counts of channels that a pruned file must say anew. */
export interface OnnxOp {
  lower(n: NodeLowering): void;
  patch?(p: NodePatch): void;
}

export type OnnxOpTable = Readonly<Record<string, OnnxOp>>;
