import { ACTIVATIONS } from './activation.js';
import { CONVOLUTIONS } from './convolution.js';
import { PRODUCTS } from './dense.js';
import { ELEMENTWISE } from './elementwise.js';
import { LAYOUTS } from './layout.js';
import { NORMALIZATIONS } from './normalization.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';
import { POOLS } from './pooling.js';
import { REDUCTIONS } from './reduction.js';
import { RESIZES } from './resize.js';
import { SELECTIONS } from './selection.js';

/** Every ONNX operator that is lowered, by family. All others are opaque. */
const ONNX_OPS: OnnxOpTable = {
  ...CONVOLUTIONS,
  ...POOLS,
  ...NORMALIZATIONS,
  ...ACTIVATIONS,
  ...ELEMENTWISE,
  ...PRODUCTS,
  ...REDUCTIONS,
  ...LAYOUTS,
  ...SELECTIONS,
  ...RESIZES,
};

/** Undefined for operators of other domains, and for those that the IR doesn't have. */
export function findOnnxOp(domain: string, opType: string): OnnxOp | undefined {
  if (domain !== '' && domain !== 'ai.onnx') return undefined;
  return Object.hasOwn(ONNX_OPS, opType) ? ONNX_OPS[opType] : undefined;
}
