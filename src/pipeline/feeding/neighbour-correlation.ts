import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { rowMajorStrides } from '../../graph/tensor.js';
import { sampleLayout } from '../../recovery/index.js';

/** Shorter axes have too few neighbours to tell. */
const LEAST_EXTENT = 8;
/** A hundredth of the pairs of a photograph tell as much. */
const MOST_PAIRS = 2e5;

/** Of neighbouring values: below, samples are noise. */
const LEAST_CORRELATION = 0.1;

/** How much neighbours hang together in each input, where samples are noise in all of them; else undefined. */
export function noiseIn(graph: Graph, feeds: ReadonlyMap<string, Tensor>): readonly number[] | undefined {
  const found = [...feeds].map(([id, x]) => neighbourCorrelation(graph, id, x));
  const isNoise = (correlation: number | undefined): correlation is number =>
    correlation !== undefined && Math.abs(correlation) < LEAST_CORRELATION;
  return found.every(isNoise) ? found : undefined;
}

/**
 * How much neighbouring values of images or volumes hang together: the correlation of each with the next along its spatial axes, less what
 * all values of a channel share. Photographs have 0.8 and more, drawings 0.3 and more, noise has none.
 * @param x samples of one input, batch first
 * @returns undefined for what is no image, or where nothing varies
 */
export function neighbourCorrelation(graph: Graph, input: string, x: Tensor): number | undefined {
  const { channels, spatial } = sampleLayout(graph, input);
  const axes = spatial.filter((axis) => x.shape[axis] >= LEAST_EXTENT);
  if (axes.length < 2) return undefined;
  const strides = rowMajorStrides(x.shape);
  const means = channelMeans(x, channels, strides[channels]);
  const step = Math.max(1, Math.ceil((x.data.length * axes.length) / MOST_PAIRS));
  let [products, squares] = [0, 0];
  for (const axis of axes) {
    const [extent, stride] = [x.shape[axis], strides[axis]];
    // A step that shares no factor with the extents walks through all places alike.
    for (let i = 0; i < x.data.length; i += step % 2 === 0 ? step + 1 : step) {
      if (Math.floor(i / stride) % extent === extent - 1) continue;
      const mean = means[Math.floor(i / strides[channels]) % x.shape[channels]];
      const [a, b] = [Number(x.data[i]) - mean, Number(x.data[i + stride]) - mean];
      products += a * b;
      squares += (a * a + b * b) / 2;
    }
  }
  return squares > 0 ? products / squares : undefined;
}

function channelMeans({ data, shape }: Tensor, axis: number, stride: number): Float64Array {
  const sums = new Float64Array(shape[axis]);
  for (let i = 0; i < data.length; i++) sums[Math.floor(i / stride) % shape[axis]] += Number(data[i]);
  return sums.map((sum) => (sum * shape[axis]) / data.length);
}
