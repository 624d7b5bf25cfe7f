import * as fs from 'node:fs';
import type { Readable } from 'node:stream';
import * as yauzl from 'yauzl';

const WINDOW_BYTES = 2 ** 20;

/** A stream of one entry does not close the file of all of them. */
const SHARED = { read: fs.read, open: fs.open, close: (_fd: number, done: () => void) => done() };

type Done = (error: Error | null, bytesRead?: number) => void;

/**
 * The bytes of a zip for yauzl. While its directory is listed they come through a window, since each entry is read in two
 * small reads, of a million entries two million.
 */
export class ZipFileReader extends yauzl.RandomAccessReader {
  readonly #fd: number;
  #window: { readonly at: number; readonly bytes: Buffer } | undefined;
  #ahead = true;

  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  /** From here on reads are of files, in any order: each reads its own bytes. */
  endListing(): void {
    this.#ahead = false;
    this.#window = undefined;
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, done: Done): void {
    if (!this.#ahead || length > WINDOW_BYTES) {
      fs.read(this.#fd, buffer, offset, length, position, done);
      return;
    }
    const held = this.#window;
    if (held && position >= held.at && position + length <= held.at + held.bytes.length) {
      held.bytes.copy(buffer, offset, position - held.at, position - held.at + length);
      done(null, length);
      return;
    }
    const window = Buffer.alloc(WINDOW_BYTES);
    fs.read(this.#fd, window, 0, WINDOW_BYTES, position, (error, bytesRead) => {
      if (error) return done(error);
      this.#window = { at: position, bytes: window.subarray(0, bytesRead) };
      const given = Math.min(length, bytesRead);
      window.copy(buffer, offset, 0, given);
      done(null, given);
    });
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return fs.createReadStream('', { fd: this.#fd, start, end: end - 1, fs: SHARED });
  }

  override close(done: (error: Error | null) => void): void {
    fs.close(this.#fd, done);
  }
}
