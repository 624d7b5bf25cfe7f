import { image, tensor4d } from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { FIXED } from '../../../src/graph/channels.js';
import type { Attrs } from '../../../src/graph/graph.js';
import { listed, recordChannels } from '../recording-context.js';
import { counting, inferOp, ref, runOp } from '../run-op.js';

const line = (...data: number[]) => ref([1, 1, data.length], data);
const nearest = (scale: number, coordinates: string, rounding: string): Attrs => ({
  scales: [1, 1, scale],
  coordinate_transformation_mode: coordinates,
  nearest_mode: rounding,
});
const linear = (scale: number, coordinates: string): Attrs => ({
  scales: [1, 1, scale],
  mode: 'linear',
  coordinate_transformation_mode: coordinates,
});

describe('Resize takes the nearest elements', () => {
  test.each([
    [2, 'asymmetric', 'floor', [1, 1, 2, 2, 3, 3]],
    [2, 'half_pixel', 'round_prefer_floor', [1, 1, 2, 2, 3, 3]],
    // 0 0.5 1 1.5 2 2.5
    [2, 'asymmetric', 'ceil', [1, 2, 2, 3, 3, 3]],
    [2, 'asymmetric', 'round_prefer_floor', [1, 1, 2, 2, 3, 3]],
    [2, 'asymmetric', 'round_prefer_ceil', [1, 2, 2, 3, 3, 3]],
    // 0 0.4 0.8 1.2 1.6 2
    [2, 'align_corners', 'round_prefer_floor', [1, 1, 2, 2, 3, 3]],
    [2, 'align_corners', 'floor', [1, 1, 1, 2, 2, 3]],
    // 0.25 1.75
    [2 / 3, 'half_pixel', 'floor', [1, 2]],
    [1 / 3, 'half_pixel', 'floor', [2]],
    [1 / 3, 'pytorch_half_pixel', 'floor', [1]],
  ])('times %d, %s, %s', (scale, coordinates, rounding, expected) => {
    expect([...runOp('Resize', nearest(scale, coordinates, rounding), [line(1, 2, 3)]).data]).toEqual(expected);
  });

  test('a scale that is the ratio of the extents moves no coordinate across an element', () => {
    for (let extent = 1; extent <= 100; extent++) {
      const x = counting([1, 1, extent]);
      const up = runOp('Resize', nearest(7, 'asymmetric', 'floor'), [x]);
      expect(runOp('Resize', nearest(1 / 7, 'asymmetric', 'floor'), [up]).data).toEqual(x.data);
    }
  });
});

describe('Resize interpolates', () => {
  test.each([
    [2, 'asymmetric', [0, 2, 4, 4]],
    [2, 'half_pixel', [0, 1, 3, 4]],
    [2, 'align_corners', [0, 4 / 3, 8 / 3, 4]],
    [0.5, 'half_pixel', [2]],
    [0.5, 'pytorch_half_pixel', [0]],
    [0.5, 'align_corners', [0]],
  ])('times %d, %s', (scale, coordinates, expected) => {
    const { data } = runOp('Resize', linear(scale, coordinates), [line(0, 4)]);
    expected.forEach((value, i) => {
      expect(data[i]).toBeCloseTo(value, 12);
    });
  });

  test('every axis by itself', () => {
    const attrs = { scales: [1, 1, 2, 2], mode: 'linear', coordinate_transformation_mode: 'align_corners' };
    const { shape, data } = runOp('Resize', attrs, [ref([1, 1, 2, 2], [0, 3, 6, 9])]);
    expect(shape).toEqual([1, 1, 4, 4]);
    data.forEach((v, i) => {
      expect(v).toBeCloseTo((i % 4) + 2 * Math.floor(i / 4), 12);
    });
  });
});

test.each(['nearest', 'linear'])('%s with asymmetric coordinates is what stock TensorFlow.js computes', (mode) => {
  for (const [scaleY, scaleX] of [
    [2, 2],
    [3, 1],
    [2, 5],
    [0.5, 1.5],
  ]) {
    const x = counting([1, 1, 4, 6]);
    const attrs = {
      scales: [1, 1, scaleY, scaleX],
      mode,
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    };
    const { shape, data } = runOp('Resize', attrs, [x]);
    const planes = tensor4d([...x.data], [1, 4, 6, 1]);
    const resizeImage = mode === 'nearest' ? image.resizeNearestNeighbor : image.resizeBilinear;
    const expected = resizeImage(planes, [shape[2], shape[3]]).dataSync();
    data.forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i], 4);
    });
  }
});

describe('Resize refuses, naming the layer,', () => {
  test.each([
    [{ scales: [1, 2] }, 'scales must be 3 numbers above 0, got [1,2]'],
    [{ scales: [1, 1, 0] }, 'scales must be 3 numbers above 0, got [1,1,0]'],
    [{}, 'attribute scales must be a list of numbers, got undefined'],
    [{ scales: [2, 1, 1] }, 'the batch N can not be resized, its scale is 2'],
    [{ scales: [1, 1, 0.01] }, 'output would have shape [N, 3, 0]'],
    [{ scales: [1, 1, 2], mode: 'cubic' }, 'attribute mode must be one of nearest, linear'],
  ])('%j', (attrs, message) => {
    expect(() => inferOp('Resize', attrs as Attrs, [['N', 3, 4]])).toThrow(message);
    expect(() => inferOp('Resize', attrs as Attrs, [['N', 3, 4]])).toThrow('block1/layer');
  });
});

test('extents are rounded down as float32 rounds: 10 · 0.7 is 7', () => {
  expect(inferOp('Resize', { scales: [1, 1, Math.fround(0.7)] }, [['N', 3, 10]]).shape).toEqual(['N', 3, 7]);
  expect(inferOp('Resize', { scales: [1, 1, 0.6] }, [['N', 3, 4]]).shape).toEqual(['N', 3, 2]);
  expect(inferOp('Resize', { scales: [1, 1, 2] }, [['N', 3, 'L']]).shape).toEqual(['N', 3, 'resized(L 2)']);
});

test('channels pass where the scale is 1; other axes stay as they are', () => {
  const r = recordChannels('Resize', { scales: [1, 1, 2, 1] }, [{ shape: ['N', 3, 4, 5] }]);
  expect(listed(r.output[1])).toEqual(r.input(0, 1));
  expect(r.output[2]).toBe(FIXED);
  expect(new Set(r.frozen(0, 2))).toEqual(new Set(['SPATIAL_AXIS']));
  expect(listed(r.output[3])).toEqual(r.input(0, 3));
  expect(r.frozen(0, 1)).toEqual([]);
});
