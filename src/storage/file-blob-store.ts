/**
 * Blobs as files under one folder: `blobs/ab/abcd…` is a file or a folder; `uploads/` holds what is being written, and for
 * each blob that is in place but not recorded yet a file that names it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EspalierError } from '../errors.js';
import type { BlobStore, BlobUpload, StoredBlob } from './blob-store.js';

const KEY = /^[0-9a-f]{64}$/;

const COMMITTED = '.blob';

/**
 * Removes what earlier processes left behind: half-written files, and blobs that were in place but never recorded.
 * Only for the one process that takes uploads, before it does.
 */
export async function removeUnfinishedUploads(
  folder: string,
  isRecorded: (blob: string) => Promise<boolean>,
): Promise<void> {
  const uploads = join(folder, 'uploads');
  const blobs = await openFileBlobStore(folder);
  await mkdir(uploads, { recursive: true });
  for (const name of await readdir(uploads)) {
    if (!name.endsWith(COMMITTED)) continue;
    const blob = await readFile(join(uploads, name), 'utf8');
    if (!(await isRecorded(blob))) await blobs.delete(blob);
  }
  await rm(uploads, { recursive: true });
}

/** Opens the store under `folder`, making it if need be. Several processes may. */
export async function openFileBlobStore(folder: string): Promise<BlobStore> {
  const blobs = join(folder, 'blobs');
  const uploads = join(folder, 'uploads');
  await mkdir(blobs, { recursive: true });

  const pathOf = (blob: string): string => {
    if (!KEY.test(blob)) throw new EspalierError('NOT_FOUND', `"${blob}" is no blob`);
    return join(blobs, blob.slice(0, 2), blob);
  };
  const has = async (blob: string): Promise<boolean> => KEY.test(blob) && exists(pathOf(blob));

  return {
    has,
    startUpload: async () => {
      const temporary = join(uploads, randomUUID());
      await mkdir(temporary, { recursive: true });
      return new FileUpload(temporary, pathOf);
    },
    localPath: async (blob) => {
      const path = pathOf(blob);
      if (!(await exists(path))) throw new EspalierError('NOT_FOUND', `blob ${blob} is not stored`);
      return path;
    },
    delete: async (blob) => {
      if (KEY.test(blob)) await rm(pathOf(blob), { recursive: true, force: true });
    },
  };
}

interface WrittenFile {
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

class FileUpload implements BlobUpload {
  readonly #folder: string;
  readonly #pathOf: (blob: string) => string;
  readonly #files = new Map<string, WrittenFile | 'writing'>();

  constructor(folder: string, pathOf: (blob: string) => string) {
    this.#folder = folder;
    this.#pathOf = pathOf;
  }

  get fileCount(): number {
    return this.#files.size;
  }

  async add(name: string, source: Readable): Promise<{ sizeBytes: number }> {
    const file = safeName(name);
    if (this.#files.has(file)) throw new EspalierError('BAD_REQUEST', `two files are named "${file}"`);
    this.#files.set(file, 'writing');
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        done(null, chunk);
      },
    });
    // `flush` has the stream fsync before it closes.
    const sink = createWriteStream(join(this.#folder, file), { flags: 'wx', flush: true });
    await pipeline(source, measure, sink);
    this.#files.set(file, { name: file, sha256: hash.digest('hex'), sizeBytes });
    return { sizeBytes };
  }

  identify(): StoredBlob {
    const files = [...this.#files.values()].map((f) => {
      if (f === 'writing') throw new Error('commit came before every file was written');
      return f;
    });
    if (files.length === 0) throw new EspalierError('BAD_REQUEST', 'the upload holds no file');
    files.sort((a, b) => (a.name < b.name ? -1 : 1));
    const single = files.length === 1;
    const sha256 = single ? files[0].sha256 : manifestHash(files);
    return {
      blob: sha256,
      sha256,
      name: single ? files[0].name : (files.find((f) => f.name.endsWith('.json'))?.name ?? files[0].name),
      sizeBytes: files.reduce((sum, f) => sum + f.sizeBytes, 0),
    };
  }

  async commit(): Promise<StoredBlob> {
    const blob = this.identify();
    const path = this.#pathOf(blob.sha256);
    await mkdir(dirname(path), { recursive: true });
    await syncFolder(this.#folder);
    await writeFile(`${this.#folder}${COMMITTED}`, blob.sha256);
    await moveIntoPlace(this.fileCount === 1 ? join(this.#folder, blob.name) : this.#folder, path);
    await syncFolder(dirname(path));
    return blob;
  }

  async discard(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await rm(`${this.#folder}${COMMITTED}`, { force: true });
  }
}

/** Renames; when the same content came in place meanwhile, that one stays. */
async function moveIntoPlace(from: string, to: string): Promise<void> {
  if (await exists(to)) return;
  try {
    await rename(from, to);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

function manifestHash(files: readonly WrittenFile[]): string {
  const hash = createHash('sha256');
  for (const { name, sha256 } of files) hash.update(`${sha256}  ${name}\n`);
  return hash.digest('hex');
}

/** A file name that stays in its folder and fits every file system. @throws EspalierError BAD_REQUEST */
function safeName(name: string): string {
  const file = basename(name.replaceAll('\\', '/'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (file === '' || file === '.' || file === '..' || /[\u0000-\u001f]/.test(file) || Buffer.byteLength(file) > 255) {
    throw new EspalierError('BAD_REQUEST', `${JSON.stringify(name)} can not be a file name`);
  }
  return file;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Makes renames and new names in a folder durable. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
