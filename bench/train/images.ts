import { seededRandom } from '../../src/data/random.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import { elementCount, type Tensor } from '../../src/graph/tensor.js';

/** A batch of noise for a net whose input is `x`, in [-1, 1): always the same for the same seed. */
export function noiseImages(graph: Graph, batch: number, seed = 2): Tensor & { data: Float32Array } {
  const random = seededRandom(seed);
  const shape = [batch, ...(getSpec(graph, 'x').shape.slice(1) as number[])];
  const data = Float32Array.from({ length: elementCount(shape) }, () => 2 * random() - 1);
  return { dtype: 'float32', shape, data };
}
