import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

const MAGIC = 'ustar';
const MAGIC_AT = 257;

/** Of a tar: a plain one, or one in a gzip. */
export type TarPacking = 'plain' | 'gzip';

/** What kind of tar (POSIX or GNU) a file is, by its first bytes; undefined for what is none. */
export async function findTar(path: string): Promise<TarPacking | undefined> {
  const head = await firstBytes(path);
  if (hasMagic(head)) return 'plain';
  if (head[0] !== 0x1f || head[1] !== 0x8b) return undefined;
  return hasMagic(await unpackedHead(head)) ? 'gzip' : undefined;
}

function hasMagic(head: Buffer): boolean {
  return head.toString('latin1', MAGIC_AT, MAGIC_AT + MAGIC.length) === MAGIC;
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2 ** 16), 0, 2 ** 16, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What the beginning of a gzip unpacks to; nothing where it is damaged, for then it is no tar that could be read. */
async function unpackedHead(packed: Buffer): Promise<Buffer> {
  const gunzip = createGunzip();
  const first = new Promise<Buffer>((resolve) => {
    gunzip.once('data', resolve);
    gunzip.once('error', () => resolve(Buffer.alloc(0)));
    gunzip.once('end', () => resolve(Buffer.alloc(0)));
  });
  gunzip.end(packed);
  try {
    return await first;
  } finally {
    gunzip.destroy();
  }
}
