import { CONVOLUTIONS } from './convolution.js';
import { PRODUCTS } from './dense.js';
import type { LoweringTable } from './lowering.js';
import { NORMALIZATIONS } from './normalization.js';
import { POOLS } from './pooling.js';
import { REDUCTIONS } from './reduction.js';
import { RESIZES } from './resizing.js';
import { SELECTIONS } from './selection.js';
import { SHAPES } from './shape.js';

/** How ops that aren't elementwise become instructions. */
export const LOWERINGS: LoweringTable = {
  ...CONVOLUTIONS,
  ...PRODUCTS,
  ...NORMALIZATIONS,
  ...POOLS,
  ...REDUCTIONS,
  ...RESIZES,
  ...SELECTIONS,
  ...SHAPES,
};
