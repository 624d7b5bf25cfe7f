import { lstat, open, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError } from '../errors.js';
import type { FileSet, OpenFileSet } from './file-set.js';
import { type ArchiveLimits, DEFAULT_LIMITS } from './limits.js';
import { checkSafePath, isJunk } from './safe-path.js';
import { openZip } from './zip-reader.js';

const ZIP_MAGIC = ['504b0304', '504b0506', '504b0708'];

/**
 * Opens an upload: a zip (known by its first bytes, whatever its name), a folder, or one file.
 * @param options.name the user's name of a single file, when the stored path has another
 * @throws EspalierError ARCHIVE_INVALID, ARCHIVE_UNSAFE_PATH, ARCHIVE_TOO_LARGE
 * @example
 * const files = await openFileSet('upload.zip');
 * try { const model = await readModel(files); } finally { await files.close(); }
 */
export async function openFileSet(
  path: string,
  options: { name?: string; limits?: ArchiveLimits } = {},
): Promise<OpenFileSet> {
  const limits = options.limits ?? DEFAULT_LIMITS;
  const info = await lstat(path);
  if (info.isDirectory()) return openFolder(path, limits);
  if (!info.isFile()) throw new EspalierError('ARCHIVE_INVALID', `${basename(path)} is neither a file nor a folder`);
  if (await isZip(path)) return openZip(path, limits);
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
  const walk = async (prefix: string): Promise<void> => {
    const entries = await readdir(join(folder, prefix), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = prefix + entry.name;
      checkSafePath(name);
      if (entry.isDirectory()) await walk(`${name}/`);
      else if (!entry.isFile()) throw new EspalierError('ARCHIVE_UNSAFE_PATH', `${name} is no regular file`);
      else if (!isJunk(name)) sizes.set(name, (await lstat(join(folder, name))).size);
      if (sizes.size > limits.entries) {
        throw new EspalierError('ARCHIVE_TOO_LARGE', `more than ${limits.entries} files`);
      }
    }
  };
  await walk('');
  return fromSizes(sizes, (name) => join(folder, name), limits);
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
  return {
    names: [...sizes.keys()],
    sizeBytes: (name) => sizes.get(name) ?? missing(name),
    read: async (name) => {
      if (!sizes.has(name)) return missing(name);
      return readFile(pathOf(name));
    },
    close: async () => {},
  };
}

function missing(name: string): never {
  throw new EspalierError('ARCHIVE_INVALID', `the upload has no file ${name}`);
}
