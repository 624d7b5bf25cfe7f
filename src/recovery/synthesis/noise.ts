import { seededRandom } from '../../data/random.js';
import { elementCount } from '../../graph/tensor.js';
import type { SampleLayout } from './sample-layout.js';

/** Mean and standard deviation of what samples start from, in a range from 0 to 1: about those of photographs. */
const MEAN = 0.5;
const DEVIATION = 0.25;
/** How much of the noise the channels of an image don't share: most of a photograph is light and dark. */
const OWN = 0.3;

/**
 * One sample to start from, between 0 and 1: noise of as much energy in each octave (amplitudes fall as 1/f, as those of
 * photographs do) along the spatial axes, mostly the same in all channels; white noise where there are none.
 * @param shape without the batch
 * @param layout axes of the input, where the batch is axis 0
 * @param seed of the sample; no other numbers are drawn from it
 */
export function noiseSample(shape: readonly number[], layout: SampleLayout, seed: number): Float32Array {
  const random = seededRandom(seed);
  const extents = layout.spatial.map((axis) => shape[axis - 1]);
  const places = elementCount(extents);
  const channels = shape[layout.channels - 1] ?? 1;
  const isSpatial = places > 1;
  const shared = isSpatial ? octaves(extents, random) : new Float32Array(places);
  const own = isSpatial ? OWN : 1;
  const planes = Array.from({ length: channels }, () => {
    const plane = isSpatial ? octaves(extents, random) : whiteNoise(places, random);
    const norm = 1 / Math.hypot(own, isSpatial ? 1 : 0);
    return plane.map((v, i) => Math.min(1, Math.max(0, MEAN + DEVIATION * norm * (own * v + shared[i]))));
  });
  return placed(planes, shape, layout);
}

/** Uniform, of mean 0 and deviation 1. */
function whiteNoise(length: number, random: () => number): Float32Array {
  return Float32Array.from({ length }, () => Math.sqrt(12) * (random() - 0.5));
}

/** White noise in cells of 1, 2, 4… places up to the largest extent, interpolated and summed; of deviation 1. */
function octaves(extents: readonly number[], random: () => number): Float32Array {
  const count = 1 + Math.ceil(Math.log2(Math.max(...extents)));
  const sum = new Float32Array(elementCount(extents));
  for (let octave = 0; octave < count; octave++) {
    const cell = 2 ** octave;
    let grid = extents.map((extent) => (cell === 1 ? extent : Math.ceil(extent / cell) + 1));
    let values = whiteNoise(elementCount(grid), random);
    if (cell > 1) {
      extents.forEach((extent, axis) => {
        values = stretched(values, grid, axis, extent, cell, random());
        grid = grid.with(axis, extent);
      });
    }
    // Between two numbers of deviation 1 the mean variance is 2/3.
    const share = Math.sqrt((cell > 1 ? 1.5 ** extents.length : 1) / count);
    for (let i = 0; i < sum.length; i++) sum[i] += values[i] * share;
  }
  return sum;
}

/** One axis of a grid, drawn out to an extent: linear between cells, starting a share of a cell in. */
function stretched(
  values: Float32Array,
  grid: readonly number[],
  axis: number,
  extent: number,
  cell: number,
  share: number,
): Float32Array<ArrayBuffer> {
  const inner = elementCount(grid.slice(axis + 1));
  const outer = elementCount(grid.slice(0, axis));
  const result = new Float32Array(outer * extent * inner);
  for (let o = 0; o < outer; o++) {
    for (let p = 0; p < extent; p++) {
      const at = Math.min(share + p / cell, grid[axis] - 1);
      const low = Math.min(Math.floor(at), grid[axis] - 2);
      const from = (o * grid[axis] + low) * inner;
      const to = (o * extent + p) * inner;
      for (let i = 0; i < inner; i++) {
        const [a, b] = [values[from + i], values[from + inner + i]];
        result[to + i] = a + (at - low) * (b - a);
      }
    }
  }
  return result;
}

/** One plane a channel, put where the sample has its axes. */
function placed(planes: readonly Float32Array[], shape: readonly number[], layout: SampleLayout): Float32Array {
  const sample = new Float32Array(elementCount(shape));
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const extents = layout.spatial.map((axis) => shape[axis - 1]);
  const channelStride = strides[layout.channels - 1] ?? 0;
  for (let place = 0; place < planes[0].length; place++) {
    let rest = place;
    let offset = 0;
    for (let i = extents.length - 1; i >= 0; i--) {
      offset += (rest % extents[i]) * strides[layout.spatial[i] - 1];
      rest = Math.floor(rest / extents[i]);
    }
    planes.forEach((plane, channel) => {
      sample[offset + channel * channelStride] = plane[place];
    });
  }
  return sample;
}
