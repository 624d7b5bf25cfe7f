/** Files of this machine. Loaded when a path is given: browsers have none, and bundlers for them leave this module out. */
import { createWriteStream, openAsBlob } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';

/** A file that is read as it is sent. */
export async function openFile(path: string): Promise<{ name: string; content: Blob }> {
  return { name: basename(path), content: await openAsBlob(path) };
}

/** Writes an answer as it comes in; of one that breaks off nothing stays. */
export async function saveFile({ body }: Response, to: string): Promise<{ sizeBytes: number }> {
  try {
    await pipeline(Readable.fromWeb(body as ReadableStream), createWriteStream(to));
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  }
  return { sizeBytes: (await stat(to)).size };
}
