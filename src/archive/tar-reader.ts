import { EspalierError } from '../errors.js';
import { EntryCount } from './entry-count.js';
import type { OpenFileSet } from './file-set.js';
import type { ArchiveLimits } from './limits.js';
import { checkSafePath, isJunk } from './safe-path.js';
import { ScratchFile } from './scratch-file.js';
import { type TarEntry, tarEntries } from './tar-entries.js';
import type { TarPacking } from './tar-packing.js';

const FILES: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile']);
const FOLDERS: ReadonlySet<string> = new Set(['Directory', 'GNUDumpDir']);

/** What stands in a tar beside files and folders, and what to do about it. */
const REFUSED: Readonly<Record<string, string>> = {
  SymbolicLink: 'a symbolic link; `tar --dereference` packs what it points to',
  Link: 'a hard link; `tar --hard-dereference` packs the file again',
};

interface Stored {
  readonly sizeBytes: number;
  /** In the scratch file. */
  readonly start: number;
}

/**
 * Opens a tar, in a gzip or not. A tar has no index: without a scratch folder a file is looked for from the start; with one all
 * files are copied to a scratch file there, and read from it in any order.
 * @throws EspalierError ARCHIVE_INVALID, ARCHIVE_UNSAFE_PATH, ARCHIVE_TOO_LARGE
 */
export async function openTar(
  path: string,
  packing: TarPacking,
  limits: ArchiveLimits,
  scratchFolder?: string,
): Promise<OpenFileSet> {
  const scratch = scratchFolder === undefined ? undefined : await ScratchFile.open(scratchFolder);
  try {
    const { entries, folders } = await listEntries(path, packing, limits, scratch);
    const get = (name: string): Stored => entries.get(name) ?? missing(name);
    const walk = scratch
      ? async function* () {
          for (const [name, { start, sizeBytes }] of entries)
            yield { name, read: () => scratch.read(start, sizeBytes) };
        }
      : async function* () {
          for await (const entry of tarEntries(path, packing, limits)) {
            const name = nameOf(entry);
            if (entries.has(name) && FILES.has(entry.type)) yield { name, read: () => bytesOf(entry) };
          }
        };
    return {
      isArchive: true,
      names: [...entries.keys()],
      folders,
      sizeBytes: (name) => get(name).sizeBytes,
      read: async (name) => {
        const { start, sizeBytes } = get(name);
        if (scratch) return scratch.read(start, sizeBytes);
        for await (const file of walk()) if (file.name === name) return await file.read();
        return missing(name);
      },
      walk,
      close: async () => scratch?.close(),
    };
  } catch (error) {
    await scratch?.close();
    throw error;
  }
}

async function listEntries(path: string, packing: TarPacking, limits: ArchiveLimits, scratch: ScratchFile | undefined) {
  const entries = new Map<string, Stored>();
  const folders = new Set<string>();
  const count = new EntryCount(limits, Number.POSITIVE_INFINITY);
  for await (const entry of tarEntries(path, packing, limits)) {
    const name = nameOf(entry);
    if (name === '') continue;
    checkSafePath(name);
    if (FOLDERS.has(entry.type)) {
      if (!isJunk(`${name}/`)) folders.add(name);
      continue;
    }
    if (!FILES.has(entry.type)) {
      const kind = REFUSED[entry.type] ?? `a ${entry.type}`;
      throw new EspalierError('ARCHIVE_UNSAFE_PATH', `the archive's entry ${name} is ${kind}`);
    }
    if (entries.has(name)) throw new EspalierError('ARCHIVE_INVALID', `the archive has two entries named ${name}`);
    count.add(entry.sizeBytes);
    if (isJunk(name)) continue;
    entries.set(name, { sizeBytes: entry.sizeBytes, start: scratch?.sizeBytes ?? 0 });
    if (scratch) for await (const chunk of entry.chunks()) await scratch.append(chunk);
  }
  return { entries, folders: [...folders] };
}

/** `tar -cf x.tar .` writes `./a`. */
function nameOf({ path, type }: TarEntry): string {
  const name = path.replace(/^(\.\/)+/, '').replace(/^\.$/, '');
  return FOLDERS.has(type) ? name.replace(/\/$/, '') : name;
}

async function bytesOf({ sizeBytes, chunks }: TarEntry): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let length = 0;
  for await (const chunk of chunks()) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return bytes;
}

function missing(name: string): never {
  throw new EspalierError('ARCHIVE_INVALID', `the archive has no file ${name}`);
}
