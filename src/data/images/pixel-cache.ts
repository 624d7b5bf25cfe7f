import { statfs } from 'node:fs/promises';
import { ScratchFile } from '../../archive/index.js';

/** Of decoded images in memory; the rest is on disk. */
const MEMORY_BYTES = 2 ** 27;
/** Of what the disk has free: jobs write checkpoints and results there. */
const DISK_SHARE = 0.5;

export interface CacheRoom {
  readonly memoryBytes: number;
  /** Absent: nothing is kept on disk. */
  readonly scratchFolder?: string | undefined;
}

/**
 * Decoded images of one size, by their number: the first in memory, those after them in a scratch file, and where that is
 * full they are not kept, to be decoded anew.
 */
export class PixelCache {
  readonly #imageBytes: number;
  readonly #room: CacheRoom;
  readonly #inMemory = new Map<number, Uint8Array>();
  /** Where they begin in the scratch file. */
  readonly #onDisk = new Map<number, number>();
  #disk: Promise<{ readonly file: ScratchFile; readonly bytes: number }> | undefined;

  constructor(imageBytes: number, room: Partial<CacheRoom> = {}) {
    this.#imageBytes = imageBytes;
    this.#room = { memoryBytes: MEMORY_BYTES, ...room };
  }

  async find(image: number): Promise<Uint8Array | undefined> {
    const held = this.#inMemory.get(image);
    if (held) return held;
    const start = this.#onDisk.get(image);
    if (start === undefined) return undefined;
    const { file } = await this.#disk!;
    return file.read(start, this.#imageBytes);
  }

  async keep(image: number, pixels: Uint8Array): Promise<void> {
    if (this.#inMemory.has(image) || this.#onDisk.has(image)) return;
    const { memoryBytes, scratchFolder } = this.#room;
    if ((this.#inMemory.size + 1) * this.#imageBytes <= memoryBytes) {
      // A copy of its own: a view may hold a larger buffer.
      this.#inMemory.set(image, Uint8Array.from(pixels));
      return;
    }
    if (scratchFolder === undefined) return;
    this.#disk ??= openDisk(scratchFolder);
    const { file, bytes } = await this.#disk;
    if (file.sizeBytes + this.#imageBytes > bytes) return;
    this.#onDisk.set(image, await file.append(pixels));
  }

  async close(): Promise<void> {
    if (this.#disk) await (await this.#disk).file.close();
  }
}

async function openDisk(folder: string) {
  const { bavail, bsize } = await statfs(folder);
  return { file: await ScratchFile.open(folder), bytes: DISK_SHARE * bavail * bsize };
}
