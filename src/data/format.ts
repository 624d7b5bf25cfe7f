import type { ArchiveLimits, FileSet, OpenFileSet } from '../archive/index.js';
import type { Warning } from '../contract.js';
import type { DatasetInspection } from '../prune-config/inspection.js';
import type { Split } from './split.js';

/** How a data set is read. */
export interface DatasetReading {
  /** The user's file name, when the stored path has another. */
  readonly name?: string;
  /** What it may unpack to. */
  readonly limits?: ArchiveLimits;
  /** Where what doesn't fit into memory is kept until the data set is closed; absent: it is made anew. */
  readonly scratchFolder?: string;
  /** Told of samples that turn out to be unreadable when they are asked for. */
  readonly warn?: (warning: Warning) => void;
}

export interface DatasetParts {
  readonly train: Split;
  /** What the user holds out; absent: a part of `train` can be split off. */
  readonly validation?: Split;
  /** What the user keeps for the last figures, beside what training is judged by; absent: `validation` is for both. */
  readonly test?: Split;
  /** Names of the classes that labels number, where the data have them. */
  readonly classes?: readonly string[];
  readonly warnings: readonly Warning[];
  /** Samples are read from the files as they are asked for, until this is called; absent: all has been read. */
  close?(): Promise<void>;
}

/** What is known of a data set without opening it for samples. */
export type Findings = Omit<DatasetInspection, 'kind'>;

/** One data file format. `match` sniffs by names and never throws. */
export interface DatasetFormat {
  readonly kind: DatasetInspection['kind'];
  /** What is taken, in words. */
  readonly accepts: string;
  match(files: FileSet): boolean;
  /** @throws EspalierError naming the array or file at fault */
  read(files: OpenFileSet, reading: DatasetReading): Promise<DatasetParts>;
  /** Absent: reading it tells everything. @throws EspalierError as `read` */
  inspect?(files: OpenFileSet): Promise<Findings>;
}
