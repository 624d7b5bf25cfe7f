import type { ArchiveLimits } from '../archive/index.js';
import {
  detectFormat,
  type FileSet,
  fileSetOf,
  type LoadedModel,
  openFileSet,
  type ReadOptions,
} from '../formats/index.js';

export interface OpenModel {
  readonly model: LoadedModel;
  /** What was read, as it is stored. */
  readonly files: FileSet;
  /** Of all of the model's files, unpacked. */
  readonly sizeBytes: number;
  /** The writer reads files that it copies: close after writing. */
  close(): Promise<void>;
}

/**
 * Opens a stored upload and reads the model in it.
 * @param name the user's file name, where the stored file has another
 * @param options.limits what it may unpack to
 * @param options.sampleShape see {@link ReadOptions}
 * @throws EspalierError as the archive and format readers say
 */
export async function openModel(
  path: string,
  name: string,
  { limits, ...options }: ReadOptions & { limits?: ArchiveLimits } = {},
): Promise<OpenModel> {
  const files = await openFileSet(path, { name, ...(limits && { limits }) });
  try {
    const format = await detectFormat(files);
    const model = await format.read(files, options);
    const sizeBytes = files.names.reduce((sum, file) => sum + files.sizeBytes(file), 0);
    return { model, files, sizeBytes, close: () => files.close() };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** Reads a model from files in memory, as a writer gives them. @throws EspalierError as the format reader says */
export async function readModel(files: ReadonlyMap<string, Uint8Array>, options?: ReadOptions): Promise<LoadedModel> {
  const set = fileSetOf(files);
  return (await detectFormat(set)).read(set, options);
}
