import { EspalierError } from '../errors.js';
import { type ArchiveLimits, RATIO_FREE_BYTES } from './limits.js';

/** Holds an archive to its limits while its entries are counted, before anything of them is kept. */
export class EntryCount {
  readonly #limits: ArchiveLimits;
  readonly #archiveBytes: number;
  #entries = 0;
  #unpacked = 0;

  constructor(limits: ArchiveLimits, archiveBytes: number) {
    this.#limits = limits;
    this.#archiveBytes = archiveBytes;
  }

  /** @param sizeBytes what the entry says that it unpacks to. @throws EspalierError ARCHIVE_TOO_LARGE */
  add(sizeBytes: number): void {
    this.#entries += 1;
    this.#unpacked += sizeBytes;
    if (this.#entries > this.#limits.entries) throw tooMany(`more than ${this.#limits.entries}`, this.#limits);
    if (this.#unpacked > this.#limits.unpackedBytes) {
      throw new EspalierError('ARCHIVE_TOO_LARGE', `it unpacks to more than ${this.#limits.unpackedBytes} bytes`);
    }
    checkRatio(this.#unpacked, this.#archiveBytes, this.#limits);
  }
}

/** @throws EspalierError ARCHIVE_TOO_LARGE where so many bytes of an archive unpack to so many */
export function checkRatio(unpacked: number, packed: number, { compressionRatio }: ArchiveLimits): void {
  if (unpacked <= RATIO_FREE_BYTES || unpacked <= compressionRatio * packed) return;
  throw new EspalierError(
    'ARCHIVE_TOO_LARGE',
    `${packed} bytes unpack to ${unpacked} or more: over ${compressionRatio} to 1`,
  );
}

export function tooMany(found: string, { entries }: ArchiveLimits): EspalierError {
  return new EspalierError('ARCHIVE_TOO_LARGE', `${found} entries; at most ${entries} are taken`);
}
