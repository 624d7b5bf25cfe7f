import type { FileSet } from '../archive/index.js';
import type { Warning } from '../contract.js';
import type { Split } from './split.js';

export interface DatasetParts {
  readonly train: Split;
  /** What the user holds out; absent: a part of `train` can be split off. */
  readonly validation?: Split;
  readonly warnings: readonly Warning[];
}

/** One data file format. `match` sniffs by names and never throws. */
export interface DatasetFormat {
  readonly kind: 'npz' | 'images';
  /** What is taken, in words. */
  readonly accepts: string;
  match(files: FileSet): boolean;
  /** @throws EspalierError naming the array or file at fault */
  read(files: FileSet): Promise<DatasetParts>;
}
