/** The files of one upload, by their relative POSIX path. Nothing outside can be reached through it. */
export interface FileSet {
  readonly names: readonly string[];
  /** Folders that the upload names, with or without files in them; absent where it names none. */
  readonly folders?: readonly string[];
  /** True for files that came out of an archive. */
  readonly isArchive?: boolean;
  sizeBytes(name: string): number;
  /** @throws EspalierError ARCHIVE_INVALID when there is no such file or its bytes are damaged. */
  read(name: string): Promise<Uint8Array>;
}

/** One file of a walk through an upload. `read` is called before the walk goes on, or not at all. */
export interface WalkedFile {
  readonly name: string;
  read(): Promise<Uint8Array>;
}

/** A file set that holds a file open until it is closed. */
export interface OpenFileSet extends FileSet {
  /** Every file in the order in which they are stored: what has no index (a tar) is read once, not once a file. */
  walk(): AsyncIterable<WalkedFile>;
  close(): Promise<void>;
}
