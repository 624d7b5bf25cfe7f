import { GraphBuilder } from '../../src/graph/builder.js';
import type { Graph } from '../../src/graph/graph.js';
import { elementCount, tensor } from '../../src/graph/tensor.js';

/**
 * `x [N,2,4,4]` → conv1 (3×3, 4 filters, bias) → bn → relu6 → conv2 (3×3, 4) → add → pool → fc (4→3) → softmax, with
 * `features` taken after the add and an input `y` that only `sum` reads.
 */
export function residualGraph(): Graph {
  const b = new GraphBuilder('residual');
  const weight = (id: string, shape: number[], role: 'parameter' | 'statistic' = 'parameter') => {
    const data = Array.from({ length: elementCount(shape) }, (_, i) => (role === 'statistic' ? 1 : Math.sin(i + 1)));
    return b.constant(id, tensor('float32', shape, data), role);
  };
  const x = b.input('x', { dtype: 'float32', shape: ['N', 2, 4, 4] });
  const y = b.input('y', { dtype: 'float32', shape: ['N', 4] });
  const pads = [1, 1, 1, 1];
  const conv1 = b.op('Conv', [x, weight('w1', [4, 2, 3, 3]), weight('b1', [4])], { pads }, { layer: 'conv1' });
  const vectors = [weight('scale', [4]), weight('shift', [4])];
  const statistics = [weight('mean', [4], 'statistic'), weight('var', [4], 'statistic')];
  const bn = b.op('BatchNormalization', [conv1, ...vectors, ...statistics], {}, { layer: 'bn' });
  const relu = b.op('Clip', [bn], { min: 0, max: 6 }, { layer: 'relu6' });
  const conv2 = b.op('Conv', [relu, weight('w2', [4, 4, 3, 3])], { pads }, { layer: 'conv2' });
  const add = b.op('Add', [relu, conv2], {}, { layer: 'add' });
  const pool = b.op('GlobalAveragePool', [add], {}, { layer: 'pool' });
  const flat = b.op('Flatten', [pool], {}, { layer: 'flatten' });
  const half = b.constant('half', tensor('float32', [], [0.5]), 'literal');
  const sum = b.op('Add', [b.op('Mul', [y, half], {}, { layer: 'halve' }), flat], {}, { layer: 'sum' });
  const fc = b.op('Gemm', [flat, weight('w3', [4, 3])], {}, { layer: 'fc' });
  b.output('probabilities', b.op('Softmax', [fc], {}, { layer: 'softmax' }));
  b.output('features', add);
  b.output('sum', sum);
  return b.build();
}
