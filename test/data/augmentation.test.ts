import { describe, expect, test } from 'vitest';
import { createAugmenter, imagePlanes, type LabelTarget, seededRandom } from '../../src/data/index.js';
import { drawBeta } from '../../src/data/random-beta.js';
import { tensor } from '../../src/graph/tensor.js';

const NONE = { horizontal_flip: false, vertical_flip: false, crop_padding: 0, mixup: 0 };

/** `n` samples that count on from 1. */
const counting = (shape: number[]) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    'float32',
    shape,
    Float32Array.from({ length: size }, (_, i) => i + 1),
  );
};

test('samples of [H, W], [H, W, C] and [C, H, W] are images', () => {
  expect(imagePlanes([4, 5], false)).toEqual({ outer: 1, height: 4, width: 5, inner: 1 });
  expect(imagePlanes([4, 5, 3], false)).toEqual({ outer: 1, height: 4, width: 5, inner: 3 });
  expect(imagePlanes([3, 4, 5], true)).toEqual({ outer: 3, height: 4, width: 5, inner: 1 });
  expect(imagePlanes([7], false)).toBeUndefined();
});

describe('flips', () => {
  const planes = imagePlanes([2, 3, 2], false)!;
  const mirrored = [5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8];
  const upturned = [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6];

  test.each([
    ['horizontal_flip', mirrored],
    ['vertical_flip', upturned],
  ])('%s moves whole pixels, of about half of the images', (field, moved) => {
    const augment = createAugmenter({ ...NONE, [field]: true }, planes, []);
    const random = seededRandom(1);
    let flipped = 0;
    for (let i = 0; i < 200; i++) {
      const { x } = augment({ x: counting([1, 2, 3, 2]), labels: new Map() }, random);
      const same = String([...x.data]) === String([...counting([2, 3, 2]).data]);
      if (!same) expect([...x.data]).toEqual(moved);
      flipped += same ? 0 : 1;
    }
    expect(flipped).toBeGreaterThan(70);
    expect(flipped).toBeLessThan(130);
  });

  test('channels-first images are mirrored plane by plane', () => {
    const augment = createAugmenter({ ...NONE, horizontal_flip: true }, imagePlanes([2, 1, 3], true)!, []);
    const random = seededRandom(3);
    const seen = new Set(
      Array.from({ length: 20 }, () =>
        String(augment({ x: counting([1, 2, 1, 3]), labels: new Map() }, random).x.data),
      ),
    );
    expect(seen).toEqual(new Set(['1,2,3,4,5,6', '3,2,1,6,5,4']));
  });
});

describe('crops', () => {
  test('every offset within the padding comes, with zeros beyond the border', () => {
    const augment = createAugmenter({ ...NONE, crop_padding: 1 }, imagePlanes([2, 2], false)!, []);
    const random = seededRandom(5);
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      seen.add(String(augment({ x: counting([1, 2, 2]), labels: new Map() }, random).x.data));
    }
    expect([...seen].sort()).toEqual(
      ['0,0,0,1', '0,0,1,2', '0,0,2,0', '0,1,0,3', '1,2,3,4', '2,0,4,0', '0,3,0,0', '3,4,0,0', '4,0,0,0'].sort(),
    );
  });

  test('classes of pixels go along, and there is none beyond the border', () => {
    const target: LabelTarget = { output: 'mask', from: '', kind: 'index', shape: [2, 2] };
    const augment = createAugmenter(
      { ...NONE, crop_padding: 1, horizontal_flip: true },
      imagePlanes([2, 2, 1], false)!,
      [target],
    );
    const random = seededRandom(5);
    for (let i = 0; i < 50; i++) {
      const batch = {
        x: counting([1, 2, 2, 1]),
        labels: new Map([['mask', tensor('int32', [1, 2, 2], [1, 2, 3, 4])]]),
      };
      const { x, labels } = augment(batch, random);
      expect([...labels.get('mask')!.data]).toEqual([...x.data].map((v) => (v === 0 ? -1 : v)));
    }
  });

  test('what does not fit is refused', () => {
    const planes = imagePlanes([4, 4], false)!;
    const target = (kind: LabelTarget['kind'], shape: number[]): LabelTarget => ({
      output: 'y',
      from: '',
      kind,
      shape,
    });
    const cropping = { ...NONE, crop_padding: 1 };
    expect(() => createAugmenter(cropping, undefined, [])).toThrow('take images');
    expect(() => createAugmenter({ ...NONE, crop_padding: 4 }, imagePlanes([4, 9], false), [])).toThrow('4 by 9');
    expect(() => createAugmenter({ ...NONE, crop_padding: 3 }, imagePlanes([4, 9], false), [])).not.toThrow();
    expect(() => createAugmenter(cropping, planes, [target('index', [2, 2])])).toThrow("at the image's extents");
    expect(() => createAugmenter(cropping, planes, [target('values', [4, 4])])).toThrow('numbers');
    expect(() => createAugmenter(cropping, planes, [target('one_hot', [10]), target('values', [1])])).not.toThrow();
  });
});

describe('mixup', () => {
  test('samples and labels are mixed by one share, and nothing is lost', () => {
    const augment = createAugmenter({ ...NONE, mixup: 0.4 }, undefined, []);
    const eye = tensor('float32', [4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    const { x, labels } = augment({ x: eye, labels: new Map([['y', eye]]) }, seededRandom(9));
    expect([...labels.get('y')!.data]).toEqual([...x.data]);
    for (let row = 0; row < 4; row++) {
      const parts = [...x.data.slice(4 * row, 4 * row + 4)];
      expect(parts.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    }
  });

  test.each([0.2, 1, 4])('shares are drawn from Beta(%d, same)', (alpha) => {
    const random = seededRandom(11);
    const draws = Array.from({ length: 20_000 }, () => drawBeta(alpha, random));
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length;
    expect(mean).toBeCloseTo(0.5, 1);
    expect(variance / (1 / (4 * (2 * alpha + 1)))).toBeGreaterThan(0.95);
    expect(variance / (1 / (4 * (2 * alpha + 1)))).toBeLessThan(1.05);
    expect(draws.every((v) => v >= 0 && v <= 1)).toBe(true);
  });
});

test('a generator that goes on from its state draws what it would have drawn', () => {
  const config = { horizontal_flip: true, vertical_flip: true, crop_padding: 2, mixup: 0.3 };
  const augment = createAugmenter(config, imagePlanes([4, 4, 1], false)!, []);
  const batch = () => ({ x: counting([6, 4, 4, 1]), labels: new Map([['y', counting([6, 3])]]) });
  const random = seededRandom(2);
  augment(batch(), random);
  const later = seededRandom(random.state());
  expect(augment(batch(), later)).toEqual(augment(batch(), random));
});
