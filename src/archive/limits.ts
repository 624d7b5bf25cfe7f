/** What an upload may unpack to. */
export interface ArchiveLimits {
  readonly unpackedBytes: number;
  /** Unpacked bytes for each byte of the archive. */
  readonly compressionRatio: number;
  readonly entries: number;
}

/** Of models. */
export const DEFAULT_LIMITS: ArchiveLimits = {
  unpackedBytes: 2 * 1024 ** 3,
  compressionRatio: 200,
  entries: 2000,
};

/** Of data sets: they are read file by file. */
export const DATASET_LIMITS: ArchiveLimits = {
  unpackedBytes: 64 * 1024 ** 3,
  compressionRatio: 200,
  entries: 1_000_000,
};

/** For files that were written here. */
export const NO_LIMITS: ArchiveLimits = {
  unpackedBytes: Number.POSITIVE_INFINITY,
  compressionRatio: Number.POSITIVE_INFINITY,
  entries: Number.POSITIVE_INFINITY,
};

/** Below this size the ratio says nothing: a small file of zeros compresses better than 200:1. */
export const RATIO_FREE_BYTES = 1024 ** 2;
