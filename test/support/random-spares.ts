import type { Graph } from '../../src/graph/graph.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';

/** Numbers in [-0.5, 0.5) for a share of the spare biases, by constant id. */
export function randomSpares({ constants }: Graph, random: () => number, share = 1): Map<string, Tensor> {
  const spares = [...constants].filter(([, { role }]) => role === 'spare' && random() < share);
  return new Map(
    spares.map(([id, { tensor: zeros }]) => {
      return [
        id,
        tensor(
          'float32',
          zeros.shape,
          (zeros.data as Float32Array).map(() => random() - 0.5),
        ),
      ];
    }),
  );
}
