import { seededRandom } from '../../data/index.js';
import type { Graph } from '../../graph/graph.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';

/** What a norm's operands start as, by their places: scale, shift, mean, variance. */
const NORM_STARTS: Readonly<Record<number, number>> = { 1: 1, 2: 0, 3: 0, 4: 1 };

/** Whose vectors are biases: those of others scale or divide, and nothing would be left of a network in which they are 0. */
const BIASED: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'Add']);

/**
 * Weights as before any training, by constant id: filters from a normal distribution (He et al. 2015; matrices by both of their
 * extents, Glorot and Bengio 2010, with the gain of a rectifier), norms that change nothing, biases of 0. What is neither
 * stays as it is, and so does what its author froze.
 */
export function freshWeights(graph: Graph, seed: number): Map<string, Tensor> {
  const random = seededRandom(seed);
  const fresh = new Map<string, Tensor>();
  for (const { op, inputs } of graph.nodes) {
    for (const [place, id] of inputs.entries()) {
      const constant = graph.constants.get(id);
      if (!constant || constant.frozen || constant.role === 'literal' || fresh.has(id)) continue;
      const { tensor } = constant;
      if (tensor.dtype !== 'float32') continue;
      const start = op.endsWith('Normalization') ? NORM_STARTS[place] : undefined;
      const wide = tensor.shape.filter((extent) => extent > 1).length;
      if (start !== undefined) fresh.set(id, { ...tensor, data: tensor.data.slice().fill(start as never) } as Tensor);
      else if (wide >= 2) fresh.set(id, { ...tensor, data: drawNormal(tensor.shape, random) } as Tensor);
      else if (place > 0 && BIASED.has(op))
        fresh.set(id, { ...tensor, data: tensor.data.slice().fill(0 as never) } as Tensor);
    }
  }
  return fresh;
}

function drawNormal(shape: readonly number[], random: () => number): Float32Array {
  const count = elementCount(shape);
  const fan = shape.length > 2 ? count / shape[0] : (shape[0] + shape[1]) / 2;
  const deviation = Math.sqrt(2 / fan);
  // Box and Muller 1958.
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return deviation * radius * Math.cos(2 * Math.PI * random());
  });
}
