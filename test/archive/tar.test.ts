/** Tars as file sets: plain and in a gzip, with and without a scratch folder; and what is refused. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DATASET_LIMITS, openFileSet } from '../../src/archive/index.js';
import { type TarFile, tarOf } from '../support/tar-files.js';

let folder: string;
let counter = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-tar-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (s: string) => Buffer.from(s);

function write(bytes: Uint8Array): string {
  const file = join(folder, `${counter++}`);
  writeFileSync(file, bytes);
  return file;
}

const FILES: readonly TarFile[] = [
  { name: './', type: 'Directory' },
  { name: './b/', type: 'Directory' },
  { name: './b/two.txt', data: text('2'.repeat(5000)) },
  { name: './a/one.txt', data: text('one') },
  { name: './a/._one.txt', data: text('resource fork') },
  { name: './a/empty' },
  { name: './c/', type: 'Directory' },
  { name: './a/ünï.txt', data: text('last') },
];

describe.each([
  ['plain', tarOf(FILES)],
  ['in a gzip', gzipSync(tarOf(FILES))],
])('a tar, %s', (_, bytes) => {
  test.each([false, true])('gives back what was packed, in any order; scratch folder: %s', async (scratch) => {
    const files = await openFileSet(write(bytes), scratch ? { scratchFolder: folder } : {});
    try {
      expect(files.names).toEqual(['b/two.txt', 'a/one.txt', 'a/empty', 'a/ünï.txt']);
      expect(files.folders).toEqual(['b', 'c']);
      expect(files.sizeBytes('b/two.txt')).toBe(5000);
      const read = await Promise.all(['a/ünï.txt', 'b/two.txt', 'a/empty'].map((name) => files.read(name)));
      expect(read.map((b) => Buffer.from(b).toString())).toEqual(['last', '2'.repeat(5000), '']);
      await expect(files.read('a/._one.txt')).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    } finally {
      await files.close();
    }
  });

  test('is walked through in its order; files may be passed over', async () => {
    const files = await openFileSet(write(bytes));
    const seen: string[] = [];
    for await (const { name, read } of files.walk()) {
      seen.push(name.includes('two') ? name : Buffer.from(await read()).toString());
    }
    expect(seen).toEqual(['b/two.txt', 'one', '', 'last']);
  });

  test('leaves no file in the scratch folder, and may be left in the middle of a walk', async () => {
    const scratchFolder = mkdtempSync(join(folder, 'scratch-'));
    const files = await openFileSet(write(bytes), { scratchFolder });
    expect(readdirSync(scratchFolder)).toEqual([]);
    for await (const { name } of files.walk()) if (name === 'b/two.txt') break;
    await files.close();
    const unscratched = await openFileSet(write(bytes));
    for await (const { name } of unscratched.walk()) if (name === 'b/two.txt') break;
  });
});

describe('refused', () => {
  test.each<[string, readonly TarFile[], string]>([
    ['a path that leaves it', [{ name: 'a/../../x', data: text('x') }], 'ARCHIVE_UNSAFE_PATH'],
    ['an absolute path', [{ name: '/etc/x', data: text('x') }], 'ARCHIVE_UNSAFE_PATH'],
    ['a symbolic link', [{ name: 'x', type: 'SymbolicLink', linkpath: '/etc/passwd' }], 'ARCHIVE_UNSAFE_PATH'],
    ['a hard link', [{ name: 'x', type: 'Link', linkpath: 'y' }], 'ARCHIVE_UNSAFE_PATH'],
    ['a device', [{ name: 'x', type: 'CharacterDevice' }], 'ARCHIVE_UNSAFE_PATH'],
    ['two files of one name', [{ name: 'x' }, { name: './x' }], 'ARCHIVE_INVALID'],
    ['a sparse file', [{ name: 'x', type: 'SparseFile', data: text('x') }], 'ARCHIVE_INVALID'],
  ])('%s', async (_, files, code) => {
    await expect(openFileSet(write(tarOf(files)))).rejects.toMatchObject({ code });
  });

  const limits = { ...DATASET_LIMITS, entries: 3, unpackedBytes: 2 ** 24 };
  test.each<[string, Uint8Array]>([
    ['too many entries', tarOf(['a', 'b', 'c', 'd'].map((name) => ({ name })))],
    ['too many bytes, before they are read', tarOf([{ name: 'a', size: 2 ** 30 }])],
    ['zeros packed 1000 to 1', gzipSync(tarOf([{ name: 'a', data: new Uint8Array(2 ** 23) }]))],
  ])('%s', async (_, bytes) => {
    await expect(openFileSet(write(bytes), { limits })).rejects.toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
  });

  test.each<[string, (tar: Buffer) => Uint8Array]>([
    ['a tar that breaks off', (tar) => tar.subarray(0, 3000)],
    ['a gzip that breaks off', (tar) => gzipSync(tar).subarray(0, -20)],
    ['a damaged header', (tar) => Buffer.concat([tar.subarray(0, 512), Buffer.alloc(512, 7), tar.subarray(1024)])],
  ])('%s', async (_, damage) => {
    const file = write(damage(tarOf(FILES)));
    const scratched = openFileSet(file, { scratchFolder: folder });
    await expect(scratched).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    await expect(openFileSet(file)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  test('a gzip of something else is one file', async () => {
    expect((await openFileSet(write(gzipSync(text('a,b,c'))))).isArchive).toBeUndefined();
    expect((await openFileSet(write(Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3])))).isArchive).toBeUndefined();
  });
});
