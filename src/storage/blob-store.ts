/**
 * Where uploads live. A *blob* is what one upload brought: one file, or several files of a folder. It is named by its
 * content, so equal bytes are stored once.
 */
import type { Readable } from 'node:stream';

/** A stored upload: `blob` is its key in the BlobStore (`localPath(blob)` is a file or a folder), `name` the user's file name. */
export interface BlobRef {
  readonly blob: string;
  readonly name: string;
  readonly sha256: string;
}

/** A blob that is in place. `sha256` is of the file, or of the sorted list of (name, sha256) of a folder. */
export interface StoredBlob extends BlobRef {
  readonly sizeBytes: number;
}

/**
 * An upload in the making. Files are written as they stream in; nothing is visible before {@link commit}.
 * Call `discard` in the end, whatever happened: until then a committed blob counts as not yet recorded, and is taken
 * away at the next start should the process die.
 */
export interface BlobUpload {
  /**
   * Writes one file. Bounded memory: the source is only read as fast as the disk takes it.
   * @throws EspalierError BAD_REQUEST for a second file of the same name; what the source throws.
   */
  add(name: string, source: Readable): Promise<{ sizeBytes: number }>;
  readonly fileCount: number;
  /** What it is, once every file is written. @throws EspalierError BAD_REQUEST when no file was added. */
  identify(): StoredBlob;
  /** Puts it in place. @throws EspalierError BAD_REQUEST when no file was added. */
  commit(): Promise<StoredBlob>;
  discard(): Promise<void>;
}

export interface BlobStore {
  startUpload(): Promise<BlobUpload>;
  has(blob: string): Promise<boolean>;
  /** A path on this machine: a file, or a folder of files. @throws EspalierError NOT_FOUND */
  localPath(blob: string): Promise<string>;
  /** Nothing happens when there is no such blob. */
  delete(blob: string): Promise<void>;
}
