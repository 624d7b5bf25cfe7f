import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { EspalierError } from '../errors.js';
import { checkRatio } from './entry-count.js';
import type { ArchiveLimits } from './limits.js';
import type { TarPacking } from './tar-packing.js';

const CHUNK_BYTES = 2 ** 18;
/** One entry. `chunks` are read before the next entry is asked for, or not at all. */
export interface TarEntry {
  readonly path: string;
  readonly type: ReadEntry['type'];
  readonly sizeBytes: number;
  chunks(): AsyncIterable<Uint8Array>;
}

/** Meta data that say nothing of the bytes of a file. */
const IGNORED: ReadonlySet<string> = new Set(['SolarisACL', 'TapeVolumeHeader', 'Inode']);

/**
 * The entries of a tar in their order. What is unpacked is held to the limits as it comes.
 * @throws EspalierError ARCHIVE_INVALID, ARCHIVE_TOO_LARGE
 */
export async function* tarEntries(
  path: string,
  packing: TarPacking,
  limits: ArchiveLimits,
): AsyncGenerator<TarEntry, void> {
  const archiveBytes = (await stat(path)).size;
  const parser = new Parser({ strict: true });
  /** One at most: the parser gives the next when the one before has been read. */
  const found: ReadEntry[] = [];
  let current: ReadEntry | undefined;
  let end: { readonly error?: unknown } | undefined;
  let wake = (): void => {};
  const stop = (fault: { readonly error?: unknown }): void => {
    end ??= fault;
    if (fault.error !== undefined) current?.destroy(fault.error);
    wake();
  };
  parser.on('entry', (entry: ReadEntry) => {
    found.push(entry);
    wake();
  });
  parser.on('ignoredEntry', ({ path: name, type }: ReadEntry) => {
    if (IGNORED.has(type)) return;
    const detail = `the archive's entry ${name} is of type ${type}, which is not read: pack plain files`;
    stop({ error: new EspalierError('ARCHIVE_INVALID', detail) });
  });
  parser.on('end', () => stop({}));
  parser.on('error', (error: unknown) => stop({ error }));
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  // What goes wrong in the pipeline, its last stream throws.
  const plain = packing === 'plain' ? file : pipeline(file, createGunzip({ chunkSize: CHUNK_BYTES }), () => {});
  const feed = async (): Promise<void> => {
    let unpacked = 0;
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      unpacked += chunk.length;
      checkRatio(unpacked, archiveBytes, limits);
      if (!parser.write(chunk)) await once(parser, 'drain');
    }
    parser.end();
  };
  feed().catch((error: unknown) => stop({ error }));
  try {
    while (end?.error === undefined) {
      const entry = found.shift();
      if (entry) {
        current = entry;
        // Whoever reads it hears of it; who passes it over, from here.
        entry.on('error', () => {});
        const { path, type, size: sizeBytes } = entry;
        yield { path, type, sizeBytes, chunks: () => chunksOf(entry) };
        entry.resume();
      } else if (end) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    file.destroy();
    plain.destroy();
  }
  throw invalid(end.error);
}

async function* chunksOf(entry: ReadEntry): AsyncGenerator<Uint8Array> {
  try {
    yield* entry;
  } catch (error) {
    throw invalid(error);
  }
}

function invalid(error: unknown): Error {
  // A disk that fails, say, is no fault of the archive.
  if (error instanceof EspalierError || (error as { syscall?: unknown }).syscall !== undefined) return error as Error;
  const why = error instanceof Error ? error.message : String(error);
  return new EspalierError('ARCHIVE_INVALID', `the tar archive can not be read: ${why}`, { cause: error });
}
