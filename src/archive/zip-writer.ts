import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** DOS timestamps start here; a fixed time makes equal files give equal archives. */
const MTIME = new Date(1980, 0, 1);

/**
 * Writes a zip of the given files, in the map's order. Equal files give equal bytes.
 * @param options.compress deflate the entries (default) or store them
 */
export async function writeZip(
  files: ReadonlyMap<string, Uint8Array>,
  path: string,
  options: { compress?: boolean } = {},
): Promise<void> {
  const zip = new ZipFile();
  for (const [name, bytes] of files) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    zip.addBuffer(buffer, name, {
      mtime: MTIME,
      mode: 0o100644,
      compress: options.compress ?? true,
      forceDosTimestamp: true,
    });
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
}
