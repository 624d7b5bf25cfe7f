import { lstat, open, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError } from '../errors.js';
import type { FileSet, OpenFileSet } from './file-set.js';
import { type ArchiveLimits, DEFAULT_LIMITS } from './limits.js';
import { checkSafePath, isJunk } from './safe-path.js';
import { findTar } from './tar-packing.js';
import { openZip } from './zip-reader.js';

const ZIP_MAGIC = ['504b0304', '504b0506', '504b0708'];

export interface OpenOptions {
  /** The user's name of a single file, when the stored path has another. */
  readonly name?: string;
  /** What it may unpack to: absent, as a model may. */
  readonly limits?: ArchiveLimits;
  /** Where an archive without an index (a tar) is unpacked, to be read in any order; absent: it is read from the start for each file. */
  readonly scratchFolder?: string;
}

/**
 * Opens an upload: a zip or a tar, in a gzip or not (known by their first bytes, whatever their name), a folder, or one file.
 * @throws EspalierError ARCHIVE_INVALID, ARCHIVE_UNSAFE_PATH, ARCHIVE_TOO_LARGE
 * @example
 * const files = await openFileSet('upload.zip');
 * try { const model = await readModel(files); } finally { await files.close(); }
 */
export async function openFileSet(path: string, options: OpenOptions = {}): Promise<OpenFileSet> {
  const limits = options.limits ?? DEFAULT_LIMITS;
  const info = await lstat(path);
  if (info.isDirectory()) return openFolder(path, limits);
  if (!info.isFile()) throw new EspalierError('ARCHIVE_INVALID', `${basename(path)} is neither a file nor a folder`);
  if (await isZip(path)) return openZip(path, limits);
  const packing = await findTar(path);
  if (packing) {
    // Loaded where it is needed: most uploads are no tars.
    const { openTar } = await import('./tar-reader.js');
    return openTar(path, packing, limits, options.scratchFolder);
  }
  return fromSizes(new Map([[basename(options.name ?? path), info.size]]), () => path, limits);
}

/** A file set over bytes in memory. */
export function fileSetOf(files: ReadonlyMap<string, Uint8Array>): FileSet {
  const get = (name: string): Uint8Array => files.get(name) ?? missing(name);
  return { names: [...files.keys()], sizeBytes: (name) => get(name).byteLength, read: async (name) => get(name) };
}

/** True when the file begins as a zip does. */
export async function isZip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return ZIP_MAGIC.includes(buffer.subarray(0, bytesRead).toString('hex'));
  } finally {
    await file.close();
  }
}

async function openFolder(folder: string, limits: ArchiveLimits): Promise<OpenFileSet> {
  const sizes = new Map<string, number>();
  const folders: string[] = [];
  const walk = async (prefix: string): Promise<void> => {
    const entries = await readdir(join(folder, prefix), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = prefix + entry.name;
      checkSafePath(name);
      if (entry.isDirectory()) {
        if (!isJunk(`${name}/`)) folders.push(name);
        await walk(`${name}/`);
      } else if (!entry.isFile()) throw new EspalierError('ARCHIVE_UNSAFE_PATH', `${name} is no regular file`);
      else if (!isJunk(name)) sizes.set(name, (await lstat(join(folder, name))).size);
      if (sizes.size > limits.entries) {
        throw new EspalierError('ARCHIVE_TOO_LARGE', `more than ${limits.entries} files`);
      }
    }
  };
  await walk('');
  return { ...fromSizes(sizes, (name) => join(folder, name), limits), folders };
}

function fromSizes(
  sizes: ReadonlyMap<string, number>,
  pathOf: (name: string) => string,
  limits: ArchiveLimits,
): OpenFileSet {
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  if (total > limits.unpackedBytes) {
    throw new EspalierError('ARCHIVE_TOO_LARGE', `the files have ${total} bytes; at most ${limits.unpackedBytes}`);
  }
  const read = async (name: string) => (sizes.has(name) ? readFile(pathOf(name)) : missing(name));
  return {
    names: [...sizes.keys()],
    sizeBytes: (name) => sizes.get(name) ?? missing(name),
    read,
    walk: async function* () {
      for (const name of sizes.keys()) yield { name, read: () => read(name) };
    },
    close: async () => {},
  };
}

function missing(name: string): never {
  throw new EspalierError('ARCHIVE_INVALID', `the upload has no file ${name}`);
}
