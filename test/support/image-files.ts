/** Images made here, and data sets of them. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { writeZip } from '../../src/archive/index.js';
import { type TarFile, tarOf } from './tar-files.js';

export type Files = Readonly<Record<string, Uint8Array>>;

type Format = 'png' | 'jpeg' | 'webp' | 'gif';

/** An image of one color, [r, g, b] or [r, g, b, a]. */
export function plain(color: readonly number[], { width = 8, height = 8, format = 'png' as Format } = {}) {
  const data = Buffer.from(Array.from({ length: width * height }, () => color).flat());
  return pixels(data, width, height, color.length as 3 | 4, format);
}

export function pixels(
  data: Uint8Array,
  width: number,
  height: number,
  channels: 1 | 3 | 4,
  format: Format = 'png',
): Promise<Buffer> {
  const image = sharp(data, { raw: { width, height, channels } });
  return (channels === 1 ? image.toColourspace('b-w') : image).toFormat(format).toBuffer();
}

/** A PNG by hand: any header, 16 bits too. `type` 0: grey, 2: RGB, 6: RGB with alpha. */
export function rawPng(
  header: { width: number; height: number; bits: number; type: number },
  rows: Uint8Array,
): Buffer {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const ihdr = Buffer.alloc(13);
  ihdr.writeUInt32BE(header.width, 0);
  ihdr.writeUInt32BE(header.height, 4);
  ihdr[8] = header.bits;
  ihdr[9] = header.type;
  const parts = [chunk('IHDR', ihdr), chunk('IDAT', deflateSync(rows)), chunk('IEND', new Uint8Array())];
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts]);
}

let folder: Promise<string> | undefined;
let written = 0;

async function pathFor(suffix: string): Promise<string> {
  folder ??= mkdtemp(join(tmpdir(), 'espalier-images-'));
  return join(await folder, `${written++}${suffix}`);
}

export async function zipOf(files: Files): Promise<string> {
  const path = await pathFor('.zip');
  await writeZip(new Map(Object.entries(files)), path, { compress: false });
  return path;
}

/** Names that end in a slash are empty folders. */
export async function tarGzOf(files: Files): Promise<string> {
  const path = await pathFor('.tar.gz');
  const entries = Object.entries(files).map(
    ([name, data]): TarFile => (name.endsWith('/') ? { name, type: 'Directory' } : { name, data }),
  );
  await writeFile(path, gzipSync(tarOf(entries)));
  return path;
}
