import type { Tensor } from '../../graph/tensor.js';

/** Where a criterion takes what it looks at. Weights are the full ones, before any slicing. */
export interface ImportanceSource {
  /** The current data of a constant; undefined for a value that is none. */
  weights(constantId: string): Tensor | undefined;
  /** By unit, what its channels were measured to be worth on samples, one number each; undefined where nothing was measured. */
  losses?(unit: string): Float64Array | undefined;
  /** What is drawn is drawn by it. Default 0. */
  seed?(): number;
}
