import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes that are put on disk to be read again, in a file without a name: it is gone with the process, however that ends. */
export class ScratchFile {
  readonly #handle: FileHandle;
  #end = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async open(folder: string): Promise<ScratchFile> {
    const path = join(folder, `scratch-${randomUUID()}`);
    const handle = await open(path, 'wx+', 0o600);
    await rm(path);
    return new ScratchFile(handle);
  }

  get sizeBytes(): number {
    return this.#end;
  }

  /** @returns where it begins; calls that run at once don't mix */
  async append(bytes: Uint8Array): Promise<number> {
    const start = this.#end;
    this.#end += bytes.length;
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, start + done);
      done += bytesWritten;
    }
    return start;
  }

  async read(start: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, start + done);
      if (bytesRead === 0) throw new Error(`the scratch file ends at ${start + done}, before ${start + length}`);
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
