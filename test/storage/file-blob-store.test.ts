import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { openFileBlobStore, removeUnfinishedUploads } from '../../src/storage/file-blob-store.js';
import { blobStoreContract } from './blob-store.contract.js';

blobStoreContract('file system', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blobs-'));
  return {
    store: await openFileBlobStore(folder),
    leftovers: async () => (existsSync(join(folder, 'uploads')) ? readdir(join(folder, 'uploads')) : []),
    close: () => rm(folder, { recursive: true }),
  };
});

test('what a killed process left half-written can be removed; another process opening the store removes nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blobs-'));
  await mkdir(join(folder, 'uploads', 'half'), { recursive: true });
  await writeFile(join(folder, 'uploads', 'half', 'model.json'), '{');
  await openFileBlobStore(folder);
  expect(await readdir(join(folder, 'uploads'))).toEqual(['half']);
  await removeUnfinishedUploads(folder, async () => false);
  expect(existsSync(join(folder, 'uploads'))).toBe(false);
  await rm(folder, { recursive: true });
});

test('a blob that was in place when its process was killed stays if the record has it, else goes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blobs-'));
  const killedAfterCommit = async (text: string) => {
    const upload = await (await openFileBlobStore(folder)).startUpload();
    await upload.add('model.zip', Readable.from([Buffer.from(text)]));
    return (await upload.commit()).blob;
  };
  const recorded = await killedAfterCommit('recorded');
  const lost = await killedAfterCommit('lost');
  await removeUnfinishedUploads(folder, async (blob) => blob === recorded);
  const store = await openFileBlobStore(folder);
  expect([await store.has(recorded), await store.has(lost)]).toEqual([true, false]);
  expect(existsSync(join(folder, 'uploads'))).toBe(false);
  await rm(folder, { recursive: true });
});
