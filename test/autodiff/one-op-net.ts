import { GraphBuilder } from '../../src/graph/builder.js';
import type { Graph } from '../../src/graph/graph.js';
import { elementCount, type Tensor } from '../../src/graph/tensor.js';
import { seededRandom } from '../support/seeded-random.js';
import { randomTensor } from './random.js';

/**
 * A classifier around one op: a parameter `x` (so that the gradient by the op's input is checked element by element),
 * what `body` makes of it, and a fixed random projection to three logits.
 */
export function oneOpNet(
  x: Tensor,
  body: (b: GraphBuilder, x: string, parameter: (id: string, shape: number[]) => string) => string,
  seed = 7,
): Graph {
  const random = seededRandom(seed);
  const b = new GraphBuilder('one-op');
  const noise = b.input('noise', { dtype: 'float32', shape: x.shape });
  const scaled = b.op('Mul', [noise, b.constant('tiny', randomTensor(random, [1], 0.01, 0.02), 'literal')]);
  const joined = b.op('Add', [b.constant('x', x, 'parameter'), scaled]);
  const y = body(b, joined, (id, shape) => b.constant(id, randomTensor(random, shape), 'parameter'));
  const shape = b.spec(y).shape as number[];
  const width = elementCount(shape) / x.shape[0];
  const rows = b.op('Reshape', [y], { shape: [x.shape[0], width] });
  const projection = b.constant('projection', randomTensor(random, [width, 3]), 'literal');
  b.output('logits', b.op('MatMul', [rows, projection]));
  return b.build();
}
