/** What an upload's inspection looks at: all headers, or evenly spread ones; and sizes as the image library has them. */
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { DATASET_LIMITS, openFileSet } from '../../../src/archive/index.js';
import { readHeader } from '../../../src/data/images/decode.js';
import { readSize } from '../../../src/data/images/headers.js';
import { listImages } from '../../../src/data/images/image-files.js';
import { inParallel } from '../../../src/data/images/in-parallel.js';
import { surveyImages } from '../../../src/data/images/survey.js';
import { plain, zipOf } from '../../support/image-files.js';

const BOUNDS = { headers: 1000, bytes: 2 ** 20, decoded: 1000, pixels: 2 ** 20 };

describe('a survey', () => {
  const survey = async (bounds: Partial<typeof BOUNDS>) => {
    const image = await plain([1, 2, 3]);
    const names = Array.from({ length: 10 }, (_, i) => `a/${i}.png`);
    const odd = await plain([1, 2, 3], { width: 9 });
    const path = await zipOf({ ...Object.fromEntries(names.map((name) => [name, image])), 'b/1.png': odd });
    const files = await openFileSet(path, { limits: DATASET_LIMITS });
    try {
      return await surveyImages(files, listImages(files), { ...BOUNDS, ...bounds });
    } finally {
      await files.close();
    }
  };

  test('looks at all images where there is time for them', async () => {
    expect(await survey({})).toEqual({ shape: null, warnings: [] });
    expect(await survey({ decoded: 1 })).toEqual({ shape: null, warnings: [] });
  });

  test.each([{ headers: 5 }, { bytes: 500 }])('looks at evenly spread ones where there is not: %o', async (bounds) => {
    const { warnings } = await survey(bounds);
    expect(warnings).toEqual([{ code: 'IMAGES_SAMPLED', message: expect.stringMatching(/^\d of 11 images were/) }]);
  });
});

describe('the size of an image is that of the image library', () => {
  test.each(['png', 'jpeg', 'webp', 'gif'] as const)('%s', async (format) => {
    const image = await plain([1, 2, 3], { width: 7, height: 5, format });
    expect(await readSize(image)).toEqual({ height: 5, width: 7 });
    expect(await readHeader(image)).toMatchObject({ height: 5, width: 7 });
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('orientation %i of EXIF', async (orientation) => {
    const image = await sharp(await plain([1, 2, 3], { width: 7, height: 5 }))
      .withMetadata({ orientation })
      .jpeg()
      .toBuffer();
    const { height, width } = await readHeader(image);
    expect(await readSize(image)).toEqual({ height, width });
    expect(height > width).toBe(orientation >= 5);
  });
});

describe('a few at a time', () => {
  test('each item is worked on once, and no more at once than there is room for', async () => {
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    await inParallel(Array(50).keys(), async (item) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(item);
      running -= 1;
    });
    expect(seen.sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  test('the first fault is told once nothing runs, and no more is begun', async () => {
    let begun = 0;
    let running = 0;
    const failing = inParallel(Array(50).keys(), async (item) => {
      begun += 1;
      running += 1;
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (item === 3) throw new Error('of the fourth');
    });
    await expect(failing).rejects.toThrow('of the fourth');
    expect(running).toBe(0);
    expect(begun).toBeLessThan(10);
  });
});
