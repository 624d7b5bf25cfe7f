/** Decoded images: some in memory, more on disk, the rest not kept. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { PixelCache } from '../../../src/data/images/pixel-cache.js';

const scratchFolder = mkdtempSync(join(tmpdir(), 'espalier-cache-'));
afterAll(() => rmSync(scratchFolder, { recursive: true, force: true }));

const image = (i: number) => new Uint8Array(10).fill(i);

test('the first are in memory, those after them in a file without a name', async () => {
  const cache = new PixelCache(10, { memoryBytes: 35, scratchFolder });
  await Promise.all([0, 1, 2, 3, 4, 5, 5, 0].map((i) => cache.keep(i, image(i))));
  expect(readdirSync(scratchFolder)).toEqual([]);
  const found = await Promise.all([5, 0, 3, 4, 2, 1].map((i) => cache.find(i)));
  expect(found).toEqual([5, 0, 3, 4, 2, 1].map(image));
  expect(await cache.find(6)).toBeUndefined();
  await cache.close();
});

test('without a folder no more are kept than memory takes', async () => {
  const cache = new PixelCache(10, { memoryBytes: 25 });
  for (const i of [7, 8, 9]) await cache.keep(i, image(i));
  expect(await cache.find(8)).toEqual(image(8));
  expect(await cache.find(9)).toBeUndefined();
  await cache.close();
});
