/** Uploads as file sets: zips, folders, single files; and what is refused. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, openFileSet, writeZip } from '../../src/archive/index.js';

let folder: string;
let counter = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-archive-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (s: string) => new TextEncoder().encode(s);
const path = (suffix: string) => join(folder, `${counter++}${suffix}`);

interface RawEntry {
  readonly name: string;
  readonly data?: Uint8Array;
  /** What the headers say, where it isn't the truth. */
  readonly size?: number;
  readonly flags?: number;
  readonly mode?: number;
  readonly method?: number;
  readonly crc?: number;
}

/** A zip written by hand, so that its names, sizes and flags can be what no archiver would write. */
function rawZip(entries: readonly RawEntry[]): string {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data = text('x'), size = data.length, flags = 0, mode = 0o100644, method = 8, crc } of entries) {
    const packed = method === 8 ? deflateRawSync(data) : Buffer.from(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags | 0x800, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc ?? zlib.crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('504b0304', 'hex'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('504b01021403', 'hex'), common, tail, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('504b0506', 'hex');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  const file = path('.zip');
  writeFileSync(file, Buffer.concat([...parts, central, end]));
  return file;
}

describe('a zip', () => {
  test('gives back what was written, by name, in any order', async () => {
    const file = path('.zip');
    await writeZip(
      new Map([
        ['m/a.txt', text('one')],
        ['m/b.bin', new Uint8Array(100_000).fill(7)],
      ]),
      file,
    );
    const files = await openFileSet(file);
    expect(files.names).toEqual(['m/a.txt', 'm/b.bin']);
    expect(files.sizeBytes('m/b.bin')).toBe(100_000);
    expect((await files.read('m/b.bin')).every((b) => b === 7)).toBe(true);
    expect(Buffer.from(await files.read('m/a.txt')).toString()).toBe('one');
    await files.close();
  });

  test('is equal for equal files', async () => {
    const [a, b] = [path('.zip'), path('.zip')];
    for (const file of [a, b]) await writeZip(new Map([['x', text('same')]]), file);
    expect(Buffer.compare(readFileSync(a), readFileSync(b))).toBe(0);
  });

  test('leaves out what desktops add', async () => {
    const files = await openFileSet(rawZip([{ name: '__MACOSX/._m.json' }, { name: 'm.json' }, { name: '.DS_Store' }]));
    expect(files.names).toEqual(['m.json']);
    await files.close();
  });

  test('reads entries as they are made by hand', async () => {
    const files = await openFileSet(
      rawZip([
        { name: 'd/', data: text('') },
        { name: 'd/é.txt', data: text('hej'), method: 0 },
      ]),
    );
    expect(Buffer.from(await files.read('d/é.txt')).toString()).toBe('hej');
    await expect(files.read('d/other')).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    await files.close();
  });

  const REFUSED: readonly (readonly [string, readonly RawEntry[], string])[] = [
    ['a path upwards', [{ name: '../evil' }], 'ARCHIVE_UNSAFE_PATH'],
    ['a path upwards inside', [{ name: 'a/../../evil' }], 'ARCHIVE_UNSAFE_PATH'],
    ['an absolute path', [{ name: '/etc/passwd' }], 'ARCHIVE_UNSAFE_PATH'],
    ['a drive letter', [{ name: 'C:/evil' }], 'ARCHIVE_UNSAFE_PATH'],
    ['a backslash', [{ name: '..\\evil' }], 'ARCHIVE_UNSAFE_PATH'],
    ['a NUL', [{ name: 'a\0b' }], 'ARCHIVE_UNSAFE_PATH'],
    ['a symbolic link', [{ name: 'link', mode: 0o120777 }], 'ARCHIVE_UNSAFE_PATH'],
    ['an encrypted entry', [{ name: 'secret', flags: 1 }], 'ARCHIVE_INVALID'],
    ['two entries of one name', [{ name: 'a' }, { name: 'a' }], 'ARCHIVE_INVALID'],
    ['a method unheard of', [{ name: 'a', method: 99 }], 'ARCHIVE_INVALID'],
    ['entries beyond counting', Array.from({ length: 2001 }, (_, i) => ({ name: `${i}` })), 'ARCHIVE_TOO_LARGE'],
    ['a size of 3 GB', [{ name: 'a', size: 3e9 }], 'ARCHIVE_TOO_LARGE'],
    ['zeros packed 1000 to 1', [{ name: 'a', data: new Uint8Array(8_000_000) }], 'ARCHIVE_TOO_LARGE'],
  ];
  test.each(REFUSED)('with %s is refused', async (_name, entries, code) => {
    await expect(openFileSet(rawZip(entries))).rejects.toMatchObject({ name: 'EspalierError', code });
  });

  const DAMAGED: readonly (readonly [string, RawEntry])[] = [
    ['longer than it says', { name: 'a', data: text('longer than that'), size: 3 }],
    ['shorter than it says', { name: 'a', data: text('short'), size: 30 }],
    ['of another checksum', { name: 'a', data: text('abc'), crc: 1 }],
  ];
  test.each(DAMAGED)('with an entry %s is refused when that is read', async (_name, entry) => {
    const files = await openFileSet(rawZip([entry]));
    await expect(files.read('a')).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining('a'),
    });
    await files.close();
  });

  test('cut short is refused', async () => {
    const whole = readFileSync(rawZip([{ name: 'a', data: text('something to read') }]));
    const file = path('.zip');
    writeFileSync(file, whole.subarray(0, whole.length - 10));
    await expect(openFileSet(file)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });
});

describe('a folder', () => {
  test('is read with its folders, without links out of it', async () => {
    const root = path('');
    mkdirSync(join(root, 'sub'), { recursive: true });
    writeFileSync(join(root, 'sub', 'a'), 'A');
    const files = await openFileSet(root);
    expect(files.names).toEqual(['sub/a']);
    expect(Buffer.from(await files.read('sub/a')).toString()).toBe('A');
    await expect(files.read('../a')).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
    symlinkSync('/etc/passwd', join(root, 'link'));
    await expect(openFileSet(root)).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE_PATH' });
  });

  test('is held to the limits', async () => {
    const root = path('');
    mkdirSync(root);
    for (const name of ['a', 'b', 'c']) writeFileSync(join(root, name), '12345');
    const limited = (limits: object) => openFileSet(root, { limits: { ...DEFAULT_LIMITS, ...limits } });
    await expect(limited({ entries: 2 })).rejects.toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
    await expect(limited({ unpackedBytes: 14 })).rejects.toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
  });
});

test('a single file has the name that the user gave it', async () => {
  const file = path('');
  writeFileSync(file, 'not a zip');
  const files = await openFileSet(file, { name: 'model.onnx' });
  expect(files.names).toEqual(['model.onnx']);
  expect(files.sizeBytes('model.onnx')).toBe(9);
});
