/** What every BlobStore must do. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/storage/blob-store.js';

export interface StoreUnderTest {
  readonly store: BlobStore;
  /** Files of uploads that are neither committed nor discarded. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

const bytes = (...chunks: string[]) => Readable.from(chunks.map((c) => Buffer.from(c)));

export function blobStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`blob store: ${name}`, () => {
    let under: StoreUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(async () => {
      expect(await under.leftovers()).toEqual([]);
      await under.close();
    });

    async function put(files: Record<string, string>) {
      const upload = await under.store.startUpload();
      for (const [file, text] of Object.entries(files)) await upload.add(file, bytes(text));
      const blob = await upload.commit();
      await upload.discard();
      return blob;
    }

    test('one file: named by its bytes, read back as it was', async () => {
      const blob = await put({ 'model.onnx': 'hello' });
      expect(blob).toEqual({
        blob: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        name: 'model.onnx',
        sizeBytes: 5,
      });
      expect(await readFile(await under.store.localPath(blob.blob), 'utf8')).toBe('hello');
    });

    test('several files: a folder; the order of arrival does not matter', async () => {
      const a = await put({ 'model.json': '{}', 'shard1of1.bin': 'abc' });
      const b = await put({ 'shard1of1.bin': 'abc', 'model.json': '{}' });
      expect(b).toEqual(a);
      expect(a.name).toBe('model.json');
      expect(a.sizeBytes).toBe(5);
      const folder = await under.store.localPath(a.blob);
      expect((await readdir(folder)).sort()).toEqual(['model.json', 'shard1of1.bin']);
      expect(await readFile(join(folder, 'shard1of1.bin'), 'utf8')).toBe('abc');
    });

    test('names count in a folder, not in a single file', async () => {
      expect((await put({ a: 'x', b: 'y' })).blob).not.toBe((await put({ a: 'y', b: 'x' })).blob);
      expect((await put({ a: 'x' })).blob).toBe((await put({ b: 'x' })).blob);
    });

    test('equal uploads at the same time end as one blob', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, () => put({ a: 'same', b: 'bytes' })));
      expect(new Set(all.map((b) => b.blob)).size).toBe(1);
      expect((await readdir(await under.store.localPath(all[0].blob))).length).toBe(2);
    });

    test('an upload that breaks off leaves nothing', async () => {
      const upload = await under.store.startUpload();
      async function* broken() {
        yield Buffer.from('half');
        throw new Error('connection lost');
      }
      await expect(upload.add('x', Readable.from(broken()))).rejects.toThrow('connection lost');
      await upload.discard();
    });

    test('two files of one name, no file, and names that leave the folder are refused', async () => {
      const upload = await under.store.startUpload();
      await expect(upload.commit()).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      await upload.add('a', bytes('1'));
      await expect(upload.add('a', bytes('2'))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      await expect(upload.add('..', bytes('2'))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      await expect(upload.add('a\u0000b', bytes('2'))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      await upload.discard();
    });

    test('folders in names are dropped', async () => {
      const blob = await put({ '../../etc/x.json': '1', 'C:\\tmp\\y.bin': '2' });
      expect((await readdir(await under.store.localPath(blob.blob))).sort()).toEqual(['x.json', 'y.bin']);
    });

    test('deleted blobs are gone; deleting twice is no fault', async () => {
      const { blob } = await put({ a: 'x' });
      expect(await under.store.has(blob)).toBe(true);
      await under.store.delete(blob);
      await under.store.delete(blob);
      expect(await under.store.has(blob)).toBe(false);
      await expect(under.store.localPath(blob)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('keys that are no hashes reach no file', async () => {
      expect(await under.store.has('../../x')).toBe(false);
      await expect(under.store.localPath('..')).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await under.store.delete('..');
    });
  });
}
