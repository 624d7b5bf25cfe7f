import { expect, test } from 'vitest';
import { noiseSample } from '../../../src/recovery/synthesis/noise.js';

const IMAGE = { channels: 1, spatial: [2, 3] };
const SIZE = 32;

function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (values: Float32Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const covariance = (x: Float32Array, mx: number, y: Float32Array, my: number): number =>
    x.reduce((sum, v, i) => sum + (v - mx) * (y[i] - my), 0);
  return covariance(a, ma, b, mb) / Math.sqrt(covariance(a, ma, a, ma) * covariance(b, mb, b, mb));
}

const image = (seed: number): Float32Array => noiseSample([3, SIZE, SIZE], IMAGE, seed);

test('lies between 0 and 1, around the middle', () => {
  const data = Array.from({ length: 20 }, (_, seed) => [...image(seed)]).flat();
  expect(Math.min(...data)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...data)).toBeLessThanOrEqual(1);
  const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
  const deviation = Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.05);
  expect(deviation).toBeGreaterThan(0.22);
  expect(deviation).toBeLessThan(0.28);
});

test('is the same for the same seed, and another for another', () => {
  expect(image(7)).toEqual(image(7));
  expect(correlation(image(7), image(8))).toBeLessThan(0.7);
});

test.each([
  ['to the right', 1],
  ['below', SIZE],
])('neighbours %s are much alike, and so are channels', (_name, step) => {
  const data = image(5);
  const plane = data.subarray(0, SIZE * SIZE);
  expect(correlation(plane.slice(0, -step), plane.slice(step))).toBeGreaterThan(0.6);
  expect(correlation(plane, data.subarray(SIZE * SIZE, 2 * SIZE * SIZE))).toBeGreaterThan(0.7);
});

test('half of the energy of each octave is in coarser ones: it does not vanish where pixels are averaged', () => {
  const plane = image(5).subarray(0, SIZE * SIZE);
  const averaged = new Float32Array((SIZE / 8) ** 2);
  plane.forEach((v, i) => {
    const [row, column] = [Math.floor(i / SIZE), i % SIZE];
    averaged[Math.floor(row / 8) * (SIZE / 8) + Math.floor(column / 8)] += v / 64;
  });
  const spread = (values: Float32Array): number => Math.max(...values) - Math.min(...values);
  // White noise of this deviation would be within 8 · 0.19 / 8 of its mean, all in all 0.15 apart.
  expect(spread(averaged)).toBeGreaterThan(0.2);
});

test('a channels-last input gets the same image, its axes moved', () => {
  const first = noiseSample([3, 4, 6], IMAGE, 2);
  const last = noiseSample([4, 6, 3], { channels: 3, spatial: [1, 2] }, 2);
  for (let channel = 0; channel < 3; channel++) {
    for (let place = 0; place < 24; place++) expect(last[place * 3 + channel]).toBe(first[channel * 24 + place]);
  }
});

test.each<[string, number[], { channels: number; spatial: number[] }]>([
  ['a sequence', [5, 40], { channels: 1, spatial: [2] }],
  ['a volume', [2, 6, 5, 4], { channels: 1, spatial: [2, 3, 4] }],
  ['features, which have no neighbours', [300], { channels: 1, spatial: [] }],
  ['one number', [], { channels: 1, spatial: [] }],
])('%s', (_name, shape, layout) => {
  const sample = noiseSample(shape, layout, 3);
  expect(sample).toHaveLength(shape.reduce((product, extent) => product * extent, 1));
  expect(sample.every((v) => v >= 0 && v <= 1)).toBe(true);
  if (shape.length === 1) expect(Math.abs(correlation(sample.slice(1), sample.slice(0, -1)))).toBeLessThan(0.2);
});
