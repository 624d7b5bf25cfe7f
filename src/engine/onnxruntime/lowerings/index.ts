import type { LoweringTable } from '../lowering.js';
import { ACTIVATIONS } from './activation.js';
import { ACTIVATION_GRADIENTS } from './activation-gradient.js';
import { BATCH_STATISTICS } from './batch-statistics.js';
import { CONVOLUTIONS } from './convolution.js';
import { CONVOLUTION_GRADIENTS } from './convolution-gradient.js';
import { ELEMENTWISE } from './elementwise.js';
import { NORMALIZATIONS } from './normalization.js';
import { OPAQUE } from './opaque.js';
import { POOLS } from './pooling.js';
import { POOL_GRADIENTS } from './pooling-gradient.js';
import { PRODUCTS } from './product.js';
import { REDUCTIONS } from './reduction.js';
import { RESIZING } from './resizing.js';
import { SHAPES } from './shape.js';

/** How each op of the IR is written in ONNX. A new op is one entry in its family's table. */
export const LOWERINGS: LoweringTable = {
  ...ACTIVATIONS,
  ...ACTIVATION_GRADIENTS,
  ...BATCH_STATISTICS,
  ...CONVOLUTIONS,
  ...CONVOLUTION_GRADIENTS,
  ...ELEMENTWISE,
  ...NORMALIZATIONS,
  ...OPAQUE,
  ...POOLS,
  ...POOL_GRADIENTS,
  ...PRODUCTS,
  ...REDUCTIONS,
  ...RESIZING,
  ...SHAPES,
};
