import { describe, expect, test } from 'vitest';
import { neighbourCorrelation } from '../../../src/pipeline/feeding/neighbour-correlation.js';
import { noiseSample } from '../../../src/recovery/synthesis/noise.js';
import { GraphSketch } from '../../support/graph-sketch.js';
import { seededRandom } from '../../support/seeded-random.js';

const sketch = new GraphSketch();
const graph = sketch.build(sketch.conv('c', sketch.input('x', 3, 32, 32), 4));
const random = seededRandom(1);
const images = (value: (i: number) => number) => ({
  dtype: 'float32' as const,
  shape: [16, 3, 32, 32],
  data: Float32Array.from({ length: 16 * 3 * 32 * 32 }, (_, i) => value(i)),
});

describe('neighbours', () => {
  test('of noise have nothing in common, whatever its range and offset', () => {
    expect(Math.abs(neighbourCorrelation(graph, 'x', images(random))!)).toBeLessThan(0.02);
    const offset = images((i) => 100 * (Math.floor(i / 1024) % 3) + random());
    expect(Math.abs(neighbourCorrelation(graph, 'x', offset)!)).toBeLessThan(0.02);
  });

  test('of what is drawn hang together', () => {
    const layout = { channels: 1, spatial: [2, 3] };
    const samples = Array.from({ length: 16 }, (_, seed) => noiseSample([3, 32, 32], layout, seed));
    const smooth = images((i) => samples[Math.floor(i / 3072)][i % 3072]);
    expect(neighbourCorrelation(graph, 'x', smooth)!).toBeGreaterThan(0.5);
    const stripes = images((i) => Math.floor((i % 32) / 4) % 2);
    expect(neighbourCorrelation(graph, 'x', stripes)!).toBeGreaterThan(0.3);
  });

  test('nothing is said of one color, nor of vectors', () => {
    expect(
      neighbourCorrelation(
        graph,
        'x',
        images(() => 0.5),
      ),
    ).toBeUndefined();
    const dense = new GraphSketch();
    const vectors = dense.build(dense.dense('d', dense.input('x', 64), 4));
    const x = { dtype: 'float32' as const, shape: [8, 64], data: Float32Array.from({ length: 512 }, random) };
    expect(neighbourCorrelation(vectors, 'x', x)).toBeUndefined();
  });
});
