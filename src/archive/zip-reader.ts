import * as fs from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import * as yauzl from 'yauzl';
import { EspalierError } from '../errors.js';
import { EntryCount, tooMany } from './entry-count.js';
import type { OpenFileSet } from './file-set.js';
import type { ArchiveLimits } from './limits.js';
import { checkSafePath, isJunk } from './safe-path.js';
import { ZipFileReader } from './zip-file-reader.js';

const openFile = promisify(fs.open);
const closeFile = promisify(fs.close);

const SYMLINK = 0o120000;
const FILE_TYPE = 0o170000;
const METHODS = [0, 8];

/**
 * Opens a zip for random access; entries are inflated in memory when they are read and never unpacked to disk. Names,
 * sizes and the limits are checked before anything is inflated, and what is inflated is held to the size declared.
 * @throws EspalierError ARCHIVE_INVALID, ARCHIVE_UNSAFE_PATH, ARCHIVE_TOO_LARGE
 */
export async function openZip(path: string, limits: ArchiveLimits): Promise<OpenFileSet> {
  const archiveBytes = (await stat(path)).size;
  const fd = await openFile(path, 'r');
  const reader = new ZipFileReader(fd);
  const zip = await yauzl
    .fromRandomAccessReaderPromise(reader, archiveBytes, { lazyEntries: true, autoClose: false, decodeStrings: false })
    .catch(async (cause) => {
      await closeFile(fd);
      throw new EspalierError('ARCHIVE_INVALID', `the zip archive can not be read: ${message(cause)}`, { cause });
    });
  try {
    const { entries, folders } = await listEntries(zip, limits, archiveBytes);
    reader.endListing();
    const names = [...entries.keys()];
    const read = async (name: string) => readEntry(zip, getEntry(entries, name), name);
    return {
      isArchive: true,
      names,
      folders,
      sizeBytes: (name) => getEntry(entries, name).uncompressedSize,
      read,
      walk: async function* () {
        for (const name of names) yield { name, read: () => read(name) };
      },
      close: async () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

interface Listing {
  readonly entries: Map<string, yauzl.Entry>;
  readonly folders: readonly string[];
}

async function listEntries(zip: yauzl.ZipFile, limits: ArchiveLimits, archiveBytes: number): Promise<Listing> {
  if (zip.entryCount > limits.entries) throw tooMany(String(zip.entryCount), limits);
  const entries = new Map<string, yauzl.Entry>();
  const folders: string[] = [];
  const count = new EntryCount(limits, archiveBytes);
  for await (const entry of eachEntry(zip)) {
    const name = decodeName(entry);
    checkSafePath(name);
    checkKind(entry, name);
    if (name.endsWith('/')) {
      folders.push(name.slice(0, -1));
      continue;
    }
    if (entries.has(name)) throw new EspalierError('ARCHIVE_INVALID', `the archive has two entries named ${name}`);
    count.add(entry.uncompressedSize);
    entries.set(name, lean(entry));
  }
  for (const name of entries.keys()) if (isJunk(name)) entries.delete(name);
  return { entries, folders: folders.filter((name) => !isJunk(`${name}/`)) };
}

/** What reading takes of an entry: a million of them are held at once. */
function lean(entry: yauzl.Entry): yauzl.Entry {
  const { compressedSize, uncompressedSize, crc32, compressionMethod, generalPurposeBitFlag } = entry;
  const { relativeOffsetOfLocalHeader } = entry;
  const read = { compressedSize, uncompressedSize, crc32, compressionMethod, generalPurposeBitFlag };
  return Object.assign(Object.create(yauzl.Entry.prototype), { ...read, relativeOffsetOfLocalHeader });
}

async function* eachEntry(zip: yauzl.ZipFile): AsyncGenerator<yauzl.Entry> {
  const iterator = zip.eachEntry();
  while (true) {
    const next = await iterator.next().catch((cause) => {
      throw new EspalierError('ARCHIVE_INVALID', `the zip archive's directory: ${message(cause)}`, { cause });
    });
    if (next.done) return;
    yield next.value;
  }
}

function decodeName(entry: yauzl.Entry): string {
  // The strict mode keeps backslashes, which yauzl would else turn into slashes before they can be refused.
  return yauzl.getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
}

function checkKind(entry: yauzl.Entry, name: string): void {
  if (((entry.externalFileAttributes >>> 16) & FILE_TYPE) === SYMLINK) {
    throw new EspalierError('ARCHIVE_UNSAFE_PATH', `the archive's entry ${name} is a symbolic link`);
  }
  if (entry.isEncrypted()) throw new EspalierError('ARCHIVE_INVALID', `the archive's entry ${name} is encrypted`);
  if (!METHODS.includes(entry.compressionMethod)) {
    throw new EspalierError(
      'ARCHIVE_INVALID',
      `the archive's entry ${name} has compression method ${entry.compressionMethod}; stored (0) and deflated (8) are read`,
    );
  }
}

function getEntry(entries: ReadonlyMap<string, yauzl.Entry>, name: string): yauzl.Entry {
  const entry = entries.get(name);
  if (!entry) throw new EspalierError('ARCHIVE_INVALID', `the archive has no file ${name}`);
  return entry;
}

async function readEntry(zip: yauzl.ZipFile, entry: yauzl.Entry, name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(entry.uncompressedSize);
  let length = 0;
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (length + chunk.length > bytes.length) throw new Error(`more than the ${bytes.length} bytes declared`);
      bytes.set(chunk, length);
      length += chunk.length;
    }
    if (length !== bytes.length) throw new Error(`${length} bytes of the ${bytes.length} declared`);
    if (zlib.crc32(bytes) !== entry.crc32) throw new Error('the checksum differs');
  } catch (cause) {
    throw new EspalierError('ARCHIVE_INVALID', `the archive's entry ${name} is damaged: ${message(cause)}`, { cause });
  }
  return bytes;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
