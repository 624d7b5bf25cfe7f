/** Images as samples: how they are decoded, scaled and colored; what is found at an upload; what is refused. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { fitToModel, inspectDataset, openDataset } from '../../../src/data/index.js';
import { type Files, pixels, plain, rawPng, tarGzOf, zipOf } from '../../support/image-files.js';

const scratchFolder = mkdtempSync(join(tmpdir(), 'espalier-scratch-'));
afterAll(() => rmSync(scratchFolder, { recursive: true, force: true }));

const RED = [255, 0, 0];
const GREY_RAMP = Uint8Array.from({ length: 16 }, (_, i) => 16 * i);

/** The values of an image as a model of this input is fed it. */
async function fed(image: Uint8Array, inputShape: readonly number[], name = '1.png') {
  const dataset = await openDataset(await zipOf({ [name]: image }));
  try {
    const { x } = await fitToModel(dataset.train, inputShape).batch([0], 'none');
    expect(x.shape).toEqual([1, ...inputShape]);
    return [...x.data];
  } finally {
    await dataset.close();
  }
}

describe('an image', () => {
  test.each(['png', 'webp', 'gif'] as const)(
    'of %s keeps its values where it has the size of the input',
    async (format) => {
      const values = await fed(await plain([10, 20, 30], { width: 2, height: 2, format }), [2, 2, 3]);
      const off = values.map((v, i) => Math.abs(v - [10, 20, 30][i % 3]));
      // WebP is lossy here.
      expect(Math.max(...off)).toBeLessThanOrEqual(format === 'webp' ? 8 : 0);
    },
  );

  test('is made grey by the luma of ITU-R 601', async () => {
    expect(await fed(await plain(RED), [8, 8, 1])).toEqual(Array(64).fill(76));
    expect(await fed(await plain([0, 255, 0]), [8, 8, 1])).toEqual(Array(64).fill(150));
    expect(await fed(await plain([12, 200, 77]), [8, 8, 1])).toEqual(Array(64).fill(130));
  });

  test('with transparent pixels lies on white', async () => {
    expect((await fed(await plain([255, 0, 0, 0]), [8, 8, 3])).every((v) => v === 255)).toBe(true);
    expect((await fed(await plain([0, 0, 0, 128]), [8, 8, 3])).slice(0, 3)).toEqual([127, 127, 127]);
    // Scaled down, hidden colors don't show.
    expect((await fed(await plain([255, 0, 0, 0], { width: 32, height: 32 }), [8, 8, 3])).every((v) => v === 255)).toBe(
      true,
    );
  });

  test('of grey with alpha, or of a palette, is laid on white, too', async () => {
    const rows = Uint8Array.of(0, 100, 255, 100, 0);
    expect(await fed(rawPng({ width: 2, height: 1, bits: 8, type: 4 }, rows), [1, 2])).toEqual([100, 255]);
    const colors = sharp(Buffer.from([9, 8, 7, 255, 0, 0, 0, 0]), { raw: { width: 2, height: 1, channels: 4 } });
    const palette = await colors.png({ palette: true }).toBuffer();
    expect((await sharp(palette).metadata()).isPalette).toBe(true);
    expect((await fed(palette, [1, 2, 3])).slice(3)).toEqual([255, 255, 255]);
  });

  test('of 16 bits has its high bytes', async () => {
    const rows = Buffer.alloc(2 * (1 + 4));
    rows.writeUInt16BE(0x1234, 1);
    rows.writeUInt16BE(0xffff, 3);
    rows.writeUInt16BE(0x00ff, 6);
    rows.writeUInt16BE(0x8000, 8);
    const grey = rawPng({ width: 2, height: 2, bits: 16, type: 0 }, rows);
    expect(await fed(grey, [2, 2])).toEqual([0x12, 0xff, 0x00, 0x80]);
    expect((await fed(grey, [2, 2, 3])).slice(0, 6)).toEqual([0x12, 0x12, 0x12, 0xff, 0xff, 0xff]);
  });

  test('in CMYK becomes RGB', async () => {
    const image = await sharp(await plain(RED))
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer();
    expect((await sharp(image).metadata()).space).toBe('cmyk');
    const [r, g, b] = await fed(image, [8, 8, 3], '1.jpg');
    expect(r).toBeGreaterThan(150);
    expect(Math.max(g, b)).toBeLessThan(100);
  });

  test('is turned as its EXIF data say', async () => {
    const ramp = sharp(Buffer.from([0, 0, 0, 255, 255, 255]), { raw: { width: 2, height: 1, channels: 3 } });
    const image = await ramp.withMetadata({ orientation: 3 }).png().toBuffer();
    expect(await fed(image, [1, 2])).toEqual([255, 0]);
  });

  test('of another size is scaled by its shorter side and cropped in its middle', async () => {
    // A white square in the middle of a wide black image: what is left of the sides is cropped.
    const wide = new Uint8Array(4 * 12).map((_, i) => (i % 12 >= 4 && i % 12 < 8 ? 255 : 0));
    expect((await fed(await pixels(wide, 12, 4, 1), [4, 4])).every((v) => v === 255)).toBe(true);
    const tall = new Uint8Array(8 * 24).map((_, i) => (i >= 8 * 8 && i < 16 * 8 ? 255 : 0));
    const scaled = await fed(await pixels(tall, 8, 24, 1), [4, 4]);
    expect(scaled.slice(4, 12).every((v) => v === 255)).toBe(true);
    expect((await fed(await plain(RED), [16, 16, 3])).slice(0, 3)).toEqual(RED);
  });

  test('of one pixel feeds any input, and inputs that are no images are refused', async () => {
    expect(await fed(await plain(RED, { width: 1, height: 1 }), [2, 2, 3])).toEqual([...RED, ...RED, ...RED, ...RED]);
    const { train, close } = await openDataset(await zipOf({ '1.png': await plain(RED) }));
    expect(() => fitToModel(train, [784])).toThrow(expect.objectContaining({ code: 'DATASET_SHAPE' }));
    expect(() => fitToModel(train, [4, 8, 8])).toThrow(/1 or 3 channels; the model takes \[4,8,8\]/);
    await close();
  });
});

describe('a data set of class folders', () => {
  const files = async (): Promise<Files> => ({
    'set/train/dog/1.png': await plain([0, 0, 0]),
    'set/train/cat/1.png': await plain([50, 50, 50], { width: 16, height: 12 }),
    'set/train/cat/2.jpg': await plain([100, 100, 100], { format: 'jpeg' }),
    'set/test/cat/3.png': await plain([150, 150, 150]),
    'set/test/dog/3.png': await plain([200, 200, 200]),
  });

  test.each([
    ['a zip', zipOf],
    ['a tar in a gzip', tarGzOf],
  ])('in %s gives samples in any order, with their classes', async (_, pack) => {
    const path = await pack(await files());
    const dataset = await openDataset(path, { scratchFolder });
    expect(readdirSync(scratchFolder)).toEqual([]);
    expect(dataset).toMatchObject({ kind: 'images', classes: ['cat', 'dog'], warnings: [] });
    const { train, validation } = dataset;
    expect(train).toMatchObject({ count: 3, inputShape: [8, 8, 3], dtype: 'uint8' });
    expect(train.labels.get('')).toMatchObject({ kind: 'index', classes: 2, shape: [] });
    const model = fitToModel(train, [1, 4, 4], [{ output: 'y', from: '', kind: 'index', shape: [] }]);
    const { x, labels } = await model.batch([2, 0, 1, 0], '1/255');
    expect(Array.from({ length: 4 }, (_, i) => x.data[16 * i])).toEqual(
      [0, 50, 100, 50].map((v) => Math.fround(v / 255)),
    );
    expect([...labels.get('y')!.data]).toEqual([1, 0, 0, 0]);
    const held = await fitToModel(validation!, [4, 4]).batch([1, 0], 'none');
    expect([held.x.data[0], held.x.data[16]]).toEqual([200, 150]);
    await dataset.close();
  });

  test('is told at the upload', async () => {
    for (const path of [await zipOf(await files()), await tarGzOf(await files())]) {
      expect(await inspectDataset(path)).toEqual({
        kind: 'images',
        samples: { train: 3, validation: 2 },
        input_shape: null,
        dtype: 'uint8',
        label_kind: 'index',
        num_classes: 2,
        label_shape: [],
        label_outputs: [],
        classes: ['cat', 'dog'],
        warnings: [],
      });
    }
  });
});

test('images alone, all of one size and grey, are told as such', async () => {
  const grey = await pixels(GREY_RAMP, 4, 4, 1);
  const path = await zipOf({ 'a.png': grey, 'b.png': grey, 'notes.txt': Buffer.from('x') });
  const found = await inspectDataset(path);
  expect(found).toMatchObject({ input_shape: [4, 4, 1], label_kind: 'none', num_classes: null, label_shape: null });
  expect(found.classes).toBeUndefined();
  expect(found.warnings).toEqual([{ code: 'FILES_IGNORED', message: expect.stringContaining('notes.txt') }]);
  const { train, close } = await openDataset(path);
  expect(train.labels.size).toBe(0);
  expect((await train.batch([1, 0], 'none')).x.shape).toEqual([2, 4, 4, 1]);
  await close();
});

test('means and deviations are of the channels of the image', async () => {
  const { train, close } = await openDataset(await zipOf({ '1.png': await plain([1, 2, 3], { width: 1, height: 1 }) }));
  const { x } = await fitToModel(train, [3, 1, 1], [], { channelsFirst: true }).batch([0], {
    mean: [1, 1, 1],
    std: [1, 2, 4],
  });
  expect([...x.data]).toEqual([0, 0.5, 0.5]);
  await close();
});

describe('images that can not be read', () => {
  const whole = async () =>
    pixels(
      Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (i * 7919) % 256),
      64,
      64,
      3,
      'jpeg',
    );

  async function set(broken: Uint8Array, good = 150) {
    const files: Record<string, Uint8Array> = { 'a/000.jpg': broken };
    for (let i = 1; i <= good; i++)
      files[`${i % 2 ? 'a' : 'b'}/${String(i).padStart(3, '0')}.jpg`] = await plain([i, i, i]);
    return zipOf(files);
  }

  const BROKEN: readonly (readonly [string, () => Promise<Uint8Array>])[] = [
    ['a JPEG that breaks off', async () => (await whole()).subarray(0, 1500)],
    ['a web page', async () => Buffer.from('<html>')],
    ['no byte', async () => new Uint8Array()],
    ['an SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    [
      'a PNG of 60000 by 60000',
      async () => rawPng({ width: 60000, height: 60000, bits: 8, type: 2 }, new Uint8Array(9)),
    ],
  ];

  test.each(BROKEN)('%s: few are told, and others of their class stand in', async (_, make) => {
    const path = await set(await make());
    const { warnings, samples } = await inspectDataset(path);
    expect(samples.train).toBe(151);
    expect(warnings).toEqual([
      { code: 'IMAGE_UNREADABLE', message: expect.stringMatching(/^1 of 151 .*a\/000\.jpg \(/) },
    ]);
    const told: string[] = [];
    const { train, close } = await openDataset(path, { warn: ({ code, message }) => told.push(`${code} ${message}`) });
    const batch = async () => [...(await fitToModel(train, [1, 1]).batch([0, 1, 0], 'none')).x.data];
    expect(await batch()).toEqual([1, 1, 1]);
    expect(told[0]).toMatch(/^IMAGE_UNREADABLE a\/000\.jpg \(.*another image of its class stands in/);
    await close();
  });

  test.each(BROKEN)('%s: more than one in 100 is refused, by name', async (_, make) => {
    const path = await set(await make(), 60);
    const refusal = { code: 'DATASET_INVALID', message: expect.stringContaining('a/000.jpg (') };
    await expect(inspectDataset(path)).rejects.toMatchObject(refusal);
    const opened = openDataset(path).then(async ({ train }) => fitToModel(train, [1, 1]).batch([0], 'none'));
    await expect(opened).rejects.toMatchObject(refusal);
  });
});

test('an archive whose paths leave it is refused', async () => {
  const path = await tarGzOf({ 'a/1.png': await plain(RED), '../1.png': await plain(RED) });
  await expect(inspectDataset(path)).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE_PATH' });
});

test('what is no data set says what one is', async () => {
  await expect(inspectDataset(await zipOf({ 'a.txt': Buffer.from('x') }))).rejects.toMatchObject({
    code: 'FORMAT_UNKNOWN',
    message: expect.stringMatching(/found a\.txt; .*npz.*; .*folders of classes/),
  });
});
