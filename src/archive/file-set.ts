/** The files of one upload, by their relative POSIX path. Nothing outside can be reached through it. */
export interface FileSet {
  readonly names: readonly string[];
  /** True for files that came out of a zip. */
  readonly isArchive?: boolean;
  sizeBytes(name: string): number;
  /** @throws EspalierError ARCHIVE_INVALID when there is no such file or its bytes are damaged. */
  read(name: string): Promise<Uint8Array>;
}

/** A file set that holds a file open until it is closed. */
export interface OpenFileSet extends FileSet {
  close(): Promise<void>;
}
