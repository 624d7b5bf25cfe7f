import type { KernelTable } from '../kernel.js';
import { ACTIVATIONS } from './activation.js';
import { ACTIVATION_GRADIENTS } from './activation-gradient.js';
import { BATCH_STATISTICS } from './batch-statistics.js';
import { CONVOLUTIONS } from './convolution.js';
import { ELEMENTWISE } from './elementwise.js';
import { NORMALIZATIONS } from './normalization.js';
import { POOLS } from './pooling.js';
import { POOL_GRADIENTS } from './pooling-gradient.js';
import { PRODUCTS } from './product.js';
import { REDUCTIONS } from './reduction.js';
import { RESIZING } from './resizing.js';
import { SELECTIONS } from './selection.js';
import { SHAPES } from './shape.js';

/** How each op of the IR is run. A new op is one entry in its family's table. */
export const KERNELS: KernelTable = {
  ...ACTIVATIONS,
  ...ACTIVATION_GRADIENTS,
  ...BATCH_STATISTICS,
  ...CONVOLUTIONS,
  ...ELEMENTWISE,
  ...NORMALIZATIONS,
  ...POOLS,
  ...POOL_GRADIENTS,
  ...PRODUCTS,
  ...REDUCTIONS,
  ...RESIZING,
  ...SELECTIONS,
  ...SHAPES,
};
